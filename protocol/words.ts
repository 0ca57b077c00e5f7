/** Figures as a person reads them, the same wherever they are shown. */

import type { BenchmarkSeries, Stop } from "./benchmark.ts";
import type { LayerKinds, SlowReading } from "./messages.ts";

export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** 1 k, 32 k, 1 M: powers of two, as contexts are. */
export function tokensShort(tokens: number): string {
  if (tokens >= 2 ** 20) return `${trimmed(tokens / 2 ** 20)} M`;
  return tokens >= 1024 ? `${trimmed(tokens / 1024)} k` : String(tokens);
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 2 ** 20) return `${Math.round(value / 1024)} KiB`;
  return value < 2 ** 30 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 2 ** 30).toFixed(2)} GiB`;
}

export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** Of a person's time: 42 s, 12 min, 3.4 h. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${trimmed(seconds / 3600)} h`;
}

/** 1,000 nearest tokens, 5 s */
export function slowReadingInWords({ tokens, seconds }: SlowReading): string {
  return `${count(tokens)} nearest tokens, ${duration(1000 * seconds)}`;
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function threadCount(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}

function trimmed(value: number): string {
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

export function modeName({ mode, hybridRatio, attentionWindow }: Omit<BenchmarkSeries, "points">): string {
  if (mode === "state") return "all state";
  const window = attentionWindow === 0 ? "no window" : `window ${count(attentionWindow)}`;
  if (mode === "attention") return `all attention, ${window}`;
  return hybridRatio === null ? `as the model is, ${window}` : `ratio ${hybridRatio}, ${window}`;
}

export function layersInWords({ recurrent, attention }: LayerKinds): string {
  if (attention === 0) return `all ${recurrent} keep recurrent memory`;
  return recurrent === 0
    ? `all ${attention} attend`
    : `${recurrent} keep recurrent memory, ${attention} attend`;
}

export function stopSentence(series: Omit<BenchmarkSeries, "points">, stop: Stop): string {
  const limit =
    stop.reason === "time"
      ? `the time limit of ${stop.limitSeconds} s was spent`
      : `the memory limit of ${bytes(stop.limitBytes)} was reached`;
  return `${modeName(series)}: stopped after ${count(stop.atTokens)} tokens, where ${limit}.`;
}
