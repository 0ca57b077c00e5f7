/** What a long session came to, and whether it is good. */
import { quantiles } from "../../server/measure/statistics.ts";

/** A crash is over by then: the model answers again. */
export const MOST_RECOVERY_MS = 2000;
/** Memory at the end against the middle. */
export const MOST_GROWTH = 0.05;

export interface SoakCounts {
  readonly keys: number;
  readonly requests: number;
  readonly cancelled: number;
  readonly twins: number;
  readonly switches: number;
  /** Sentences; the first of many. */
  readonly faults: readonly string[];
  /** From each kill to the first answer of the model. */
  readonly recoveriesMs: readonly number[];
  /** In the second half, in which nothing is killed: by request. */
  readonly residentMiB: readonly number[];
}

export interface SoakFigures {
  readonly recoveryMs: { readonly p50: number; readonly most: number };
  readonly residentMiB: { readonly third: number; readonly last: number; readonly most: number };
  /** Median of the last quarter of the session over that of the one before it, less one. */
  readonly growth: number;
  /** One sentence for each that was not kept. */
  readonly failures: readonly string[];
}

export function soakFigures({ faults, recoveriesMs, residentMiB }: SoakCounts): SoakFigures {
  const half = Math.floor(residentMiB.length / 2);
  const third = median(residentMiB.slice(0, half));
  const last = median(residentMiB.slice(half));
  const growth = last / third - 1;
  const recoveryMs = { p50: median(recoveriesMs), most: Math.max(0, ...recoveriesMs) };
  const slow = recoveriesMs.filter((ms) => ms > MOST_RECOVERY_MS).length;
  return {
    recoveryMs,
    residentMiB: { third, last, most: Math.max(...residentMiB) },
    growth,
    failures: [
      ...(faults.length > 0 ? [`${faults.length} wrong texts were shown, the first: ${faults[0]}`] : []),
      ...(slow > 0
        ? [`${slow} of ${recoveriesMs.length} crashes took more than ${MOST_RECOVERY_MS} ms`]
        : []),
      ...(Math.abs(growth) <= MOST_GROWTH
        ? []
        : [`memory went from ${third.toFixed(0)} to ${last.toFixed(0)} MiB in the second half`]),
    ],
  };
}

function median(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : quantiles(values).p50;
}
