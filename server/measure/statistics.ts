/** Quantiles of what was measured, and intervals of shares. */
import type { Proportion } from "../../protocol/longRange.ts";

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

export function median(values: readonly number[]): number {
  return quantiles(values).p50;
}

/** Wilson's score interval at 95 % (Journal of the American Statistical Association 22, 1927). */
export function proportion(hits: number, trials: number): Proportion {
  if (trials === 0) return { share: 0, low: 0, high: 1 };
  const z = 1.959964;
  const share = hits / trials;
  const middle = share + z ** 2 / (2 * trials);
  const half = z * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  const scale = 1 + z ** 2 / trials;
  return { share, low: Math.max(0, (middle - half) / scale), high: Math.min(1, (middle + half) / scale) };
}
