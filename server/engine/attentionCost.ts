/** What a token costs where every head attends to everything: measured on a page of the cache. */
import type { Model } from "./engine.ts";

/** A multiple of the cache's page (native/engine/state.h), so that no part of one is counted as a token's. */
const TOKENS = 64;
/** Read again by a fast model, whose speed is then known of more than its first, cold tokens. */
const ROUNDS = 4;
const MOST_MS = 50;

export async function attentionBytesPerToken(model: Model): Promise<number> {
  const start = model.initialState(0, 0);
  const begunMs = performance.now();
  try {
    for (let round = 1; ; round++) {
      const [state] = await model.advance(start, new Int32Array(TOKENS), { priority: "background" });
      const kvBytes = state?.kvBytes ?? 0;
      state?.dispose();
      if (round === ROUNDS || performance.now() - begunMs > MOST_MS) return kvBytes / TOKENS;
    }
  } finally {
    start.dispose();
  }
}
