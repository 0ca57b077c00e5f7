/** What a token costs where every head attends to everything: measured once, on a page of the cache. */
import type { Model } from "./engine.ts";

/** A multiple of the cache's page (native/engine/state.h), so that no part of one is counted as a token's. */
const TOKENS = 64;

export class AttentionCost {
  readonly #model: Model;
  #bytesPerToken: Promise<number> | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  bytesPerToken(): Promise<number> {
    this.#bytesPerToken ??= this.#measure();
    return this.#bytesPerToken;
  }

  async #measure(): Promise<number> {
    const start = this.#model.initialState(0, 0);
    try {
      const [state] = await this.#model.advance(start, new Int32Array(TOKENS), { priority: "background" });
      const kvBytes = state?.kvBytes ?? 0;
      state?.dispose();
      return kvBytes / TOKENS;
    } finally {
      start.dispose();
    }
  }
}
