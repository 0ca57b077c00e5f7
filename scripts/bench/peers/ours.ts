/** This engine behind the server's own cache of states, every layer that can attend attending to everything. */
import { PrefixCache } from "../../../server/completion/prefixCache.ts";
import type { Model, State } from "../../../server/engine/engine.ts";
import { loadNativeEngine } from "../../../server/engine/native.ts";
import { ADDON_PATH } from "../../../server/installation.ts";
import type { Racer } from "./racer.ts";

const GREEDY = {
  priority: "completion",
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
} as const;

export class Ours implements Racer {
  readonly vocabSize: number;
  readonly #model: Model;
  readonly #empty: State;
  #cache: PrefixCache;

  private constructor(model: Model) {
    this.vocabSize = model.info.vocabSize;
    this.#model = model;
    this.#empty = model.initialState(Math.round(model.info.defaultHybridRatio * model.info.heads), 0);
    this.#cache = new PrefixCache(model);
  }

  /** Rejects with EngineError, one sentence, where this engine cannot load the file. */
  static async load(path: string, threads: number): Promise<Ours> {
    return new Ours(await loadNativeEngine(ADDON_PATH).loadModel(path, { threads, rounding: "int8" }));
  }

  async write(context: readonly number[], count: number): Promise<void> {
    const root = () => ({ state: this.#empty, generation: 0 });
    const { state } = await this.#cache.advance(root, context, new AbortController().signal);
    const generated = await this.#model.generate(state, { ...GREEDY, maxTokens: count });
    generated.state.dispose();
    if (generated.tokens.length !== count) {
      throw new Error(`This engine wrote ${generated.tokens.length} tokens of ${count}.`);
    }
  }

  /** Suffix, prefix, middle: a key appends. */
  fill(before: readonly number[], after: readonly number[], count: number): Promise<void> {
    return this.write([...after, ...before], count);
  }

  async forget(): Promise<void> {
    this.#cache.dispose();
    this.#cache = new PrefixCache(this.#model);
  }

  async dispose(): Promise<void> {
    this.#cache.dispose();
    this.#empty.dispose();
    this.#model.dispose();
  }
}
