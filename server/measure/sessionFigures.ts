/** The session's figures for the dashboard: throughput over time and how long completions took. */

import type { Latency, Throughput } from "../../protocol/dashboard.ts";
import type { CompletionFigures } from "../../protocol/messages.ts";
import { quantiles } from "./statistics.ts";

const MOST_MOMENTS = 240;
const MOST_LATENCIES = 500;
/** Readings report after each batch: more often than a chart can show. */
const READING_STEP_MS = 250;

export class SessionFigures {
  #reading: readonly Throughput[] = [];
  #decoding: readonly Throughput[] = [];
  #latenciesMs: readonly number[] = [];

  noteReading(tokensPerSecond: number): void {
    const atMs = Date.now();
    if (tokensPerSecond <= 0 || atMs - (this.#reading.at(-1)?.atMs ?? 0) < READING_STEP_MS) return;
    this.#reading = [...this.#reading, { atMs, tokensPerSecond }].slice(-MOST_MOMENTS);
  }

  noteCompletion({ tokensDecoded, msDecoding = 0, msTotal }: CompletionFigures): void {
    if (tokensDecoded === 0) return;
    this.#latenciesMs = [...this.#latenciesMs, msTotal].slice(-MOST_LATENCIES);
    if (msDecoding <= 0) return;
    const moment = { atMs: Date.now(), tokensPerSecond: (1000 * tokensDecoded) / msDecoding };
    this.#decoding = [...this.#decoding, moment].slice(-MOST_MOMENTS);
  }

  get reading(): readonly Throughput[] {
    return this.#reading;
  }

  get decoding(): readonly Throughput[] {
    return this.#decoding;
  }

  get latency(): Latency {
    const { p50, p95, max } = quantiles(this.#latenciesMs);
    return { count: this.#latenciesMs.length, p50Ms: p50, p95Ms: p95, maxMs: max };
  }
}
