/** Draws that are the same in every run: figures of two models are then of the same places. */

/** Mulberry32: uniform from 0 up to 1. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

export interface Estimate {
  readonly value: number;
  /** 95 % bootstrap interval over the items. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;

/** Ratio of sums (a mean when `weights` are ones), with its interval. */
export function estimate(values: readonly number[], weights: readonly number[]): Estimate {
  const random = randomSource(1);
  const ratio = (index: (i: number) => number): number => {
    let sum = 0;
    let weight = 0;
    for (let i = 0; i < values.length; i++) {
      const at = index(i);
      sum += values[at] ?? 0;
      weight += weights[at] ?? 0;
    }
    return sum / weight;
  };
  const drawn = Array.from({ length: RESAMPLES }, () =>
    ratio(() => Math.floor(random() * values.length)),
  ).sort((a, b) => a - b);
  return {
    value: ratio((i) => i),
    low: drawn[Math.floor(0.025 * RESAMPLES)] ?? Number.NaN,
    high: drawn[Math.floor(0.975 * RESAMPLES)] ?? Number.NaN,
  };
}

/** With its interval. */
export function mean(values: readonly number[]): Estimate {
  return estimate(
    values,
    values.map(() => 1),
  );
}
