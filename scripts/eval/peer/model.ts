/** Qwen2.5-Coder-0.5B (Q4_K_M) filling in the middle, by node-llama-cpp's prebuilt llama.cpp; ./dev puts both into .cache/peer. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Llama, type LlamaModel, loadLlama, PEER_FOLDER, type Sequence } from "./llama.ts";

const PREFIX = 151659;
const SUFFIX = 151661;
const MIDDLE = 151660;
const CHARACTERS_BEFORE = 3600;
const CHARACTERS_AFTER = 1200;
/** What is read before the cursor begins at a multiple: while a person types, it begins at the same place for a while. */
const BEGINS_AT = 1200;
const CONTEXT_TOKENS = 4096;
const MOST_WRITTEN = 64;

export interface Around {
  readonly before: string;
  readonly after: string;
}

/** What the model is given of a document. */
export function promptOf({ before, after }: Around): Around {
  const least = before.length - CHARACTERS_BEFORE;
  const start = Math.max(0, Math.ceil(least / BEGINS_AT) * BEGINS_AT);
  return { before: before.slice(start), after: after.slice(0, CHARACTERS_AFTER) };
}

export class Peer implements AsyncDisposable {
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #sequence: Sequence;

  private constructor(llama: Llama, model: LlamaModel, sequence: Sequence) {
    this.#llama = llama;
    this.#model = model;
    this.#sequence = sequence;
  }

  static async load(threads: number): Promise<Peer> {
    const weights = join(PEER_FOLDER, "peer.gguf");
    if (!existsSync(weights)) throw new Error(`${weights} is not there: ./dev eval peer fetches it.`);
    const llama = await loadLlama(threads);
    const model = await llama.loadModel({ modelPath: weights });
    const context = await model.createContext({ contextSize: CONTEXT_TOKENS, sequences: 1, threads });
    return new Peer(llama, model, context.getSequence());
  }

  /** The rest of the line, greedily; what is as before of the prompt is not read again. */
  async restOfLine(around: Around): Promise<string> {
    const { before, after } = promptOf(around);
    const text = (part: string): number[] => this.#model.tokenize(part, false);
    const tokens = [PREFIX, ...text(before), SUFFIX, ...text(after), MIDDLE];
    // The last token is read in any case: the first one to be written follows from it.
    await this.#sequence.adaptStateToTokens(tokens.slice(0, -1), false);
    const written: number[] = [];
    const unread = tokens.slice(this.#sequence.nextTokenIndex);
    for await (const token of this.#sequence.evaluate(unread, { temperature: 0 })) {
      if (this.#model.isEogToken(token)) break;
      written.push(token);
      const isComplete = this.#model.detokenize(written).includes("\n");
      if (isComplete || written.length === MOST_WRITTEN) break;
    }
    return (this.#model.detokenize(written).split("\n", 1)[0] ?? "").trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#llama.dispose();
  }
}
