/**
 * llama.cpp by node-llama-cpp at its best: what is as before of the context is kept; of memory that cannot be rolled back,
 * checkpoints are taken every 512 tokens read and at each context's end. Everything else as it is by default.
 */
import { type Context, type LlamaModel, loadLlama, type Sequence } from "../../eval/peer/llama.ts";
import type { Racer } from "./racer.ts";

/** One of its batches. By itself it takes a checkpoint every 8,192, and none in the first text that a sequence reads. */
const CHECKPOINT_TOKENS = 512;

export class Theirs implements Racer {
  readonly release: string;
  readonly #model: LlamaModel;
  readonly #context: Context;
  readonly #sequence: Sequence;
  readonly #end: () => Promise<void>;

  private constructor(
    release: string,
    model: LlamaModel,
    context: Context,
    sequence: Sequence,
    end: () => Promise<void>,
  ) {
    this.release = release;
    this.#model = model;
    this.#context = context;
    this.#sequence = sequence;
    this.#end = end;
  }

  static async load(path: string, threads: number, contextTokens: number): Promise<Theirs> {
    const llama = await loadLlama(threads);
    const model = await llama.loadModel({ modelPath: path });
    const context = await model.createContext({ contextSize: contextTokens, sequences: 1, threads });
    const sequence = context.getSequence();
    return new Theirs(llama.llamaCppRelease.release, model, context, sequence, () => llama.dispose());
  }

  async write(context: readonly number[], count: number): Promise<void> {
    const sequence = this.#sequence;
    // The last token is read in any case: the first one to be written follows from it.
    await sequence.adaptStateToTokens(context.slice(0, -1), false);
    if (sequence.needsCheckpoints) await this.#readWithCheckpoints(context);
    let written = 0;
    const options = { temperature: 0, yieldEogToken: true };
    for await (const _ of sequence.evaluate(context.slice(sequence.nextTokenIndex), options)) {
      // Here the context has been read, and nothing of what is written.
      if (written === 0) await sequence.takeCheckpoint();
      if (++written === count) break;
    }
    if (written !== count) throw new Error(`llama.cpp wrote ${written} tokens of ${count}.`);
  }

  /** Prefix, suffix, middle, as llama-server's /infill has it, and so llama.vscode. */
  fill(before: readonly number[], after: readonly number[], count: number): Promise<void> {
    return this.write([...before, ...after], count);
  }

  async #readWithCheckpoints(context: readonly number[]): Promise<void> {
    for (;;) {
      const start = this.#sequence.nextTokenIndex;
      const end = (Math.floor(start / CHECKPOINT_TOKENS) + 1) * CHECKPOINT_TOKENS;
      if (end >= context.length) return;
      await this.#sequence.evaluateWithoutGeneratingNewTokens(context.slice(start, end));
      await this.#sequence.takeCheckpoint();
    }
  }

  async forget(): Promise<void> {
    await this.#sequence.clearHistory();
  }

  async dispose(): Promise<void> {
    await this.#context.dispose();
    await this.#model.dispose();
    await this.#end();
  }
}
