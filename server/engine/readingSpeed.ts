/** How fast a model reads on this machine, and how much of reading fits into a time. */
import type { Model, State } from "./engine.ts";

/** A shorter job says more of the machine's other work than of the model. */
const LEAST_TOKENS = 32;
/** So long a job of reading may take: a keystroke waits for the one under way. */
const MOST_JOB_SECONDS = 0.25;

/** As measured lately: a job that waited for others, or was slowed down by them, counts half. */
export class ReadingSpeed {
  #tokensPerSecond = Number.POSITIVE_INFINITY;

  /** Infinite before anything was read. */
  get tokensPerSecond(): number {
    return this.#tokensPerSecond;
  }

  note(tokens: number, ms: number): void {
    if (tokens < LEAST_TOKENS) return;
    const measured = (1000 * tokens) / Math.max(ms, 0.001);
    const before = this.#tokensPerSecond;
    this.#tokensPerSecond =
      measured >= before || before === Number.POSITIVE_INFINITY ? measured : (measured + before) / 2;
  }
}

/**
 * Has a model read a little, so that its speed is known before anybody waits for it. `empty` is one of its initial states, and
 * is disposed of.
 */
export async function gaugeReading(model: Model, empty: State): Promise<void> {
  try {
    const tokens = Int32Array.from({ length: LEAST_TOKENS }, (_, i) => i % model.info.vocabSize);
    for (const state of await model.advance(empty, tokens, { priority: "background" })) state.dispose();
  } finally {
    empty.dispose();
  }
}

/** Tokens of one job, a multiple of 32. */
export function jobTokens(tokensPerSecond: number, most: number): number {
  const affordable = Math.floor((tokensPerSecond * MOST_JOB_SECONDS) / LEAST_TOKENS) * LEAST_TOKENS;
  return Math.max(LEAST_TOKENS, Math.min(most, affordable));
}
