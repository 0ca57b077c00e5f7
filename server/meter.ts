/** The session's figures for the dashboard: throughput over time and how long completions took. */

import type { Latency, Sample } from "../protocol/dashboard.ts";
import type { CompletionFigures } from "../protocol/messages.ts";
import { quantiles } from "./benchmark/statistics.ts";

const MOST_SAMPLES = 240;
const MOST_LATENCIES = 500;
/** Readings report after each batch: more often than a chart can show. */
const READING_STEP_MS = 250;

export class Meter {
  #reading: readonly Sample[] = [];
  #decoding: readonly Sample[] = [];
  #latenciesMs: readonly number[] = [];

  noteReading(tokensPerSecond: number): void {
    const atMs = Date.now();
    if (tokensPerSecond <= 0 || atMs - (this.#reading.at(-1)?.atMs ?? 0) < READING_STEP_MS) return;
    this.#reading = [...this.#reading, { atMs, tokensPerSecond }].slice(-MOST_SAMPLES);
  }

  noteCompletion({ tokensDecoded, msDecoding = 0, msTotal }: CompletionFigures): void {
    if (tokensDecoded === 0) return;
    this.#latenciesMs = [...this.#latenciesMs, msTotal].slice(-MOST_LATENCIES);
    if (msDecoding <= 0) return;
    const sample = { atMs: Date.now(), tokensPerSecond: (1000 * tokensDecoded) / msDecoding };
    this.#decoding = [...this.#decoding, sample].slice(-MOST_SAMPLES);
  }

  get reading(): readonly Sample[] {
    return this.#reading;
  }

  get decoding(): readonly Sample[] {
    return this.#decoding;
  }

  get latency(): Latency {
    const { p50, p95, max } = quantiles(this.#latenciesMs);
    return { count: this.#latenciesMs.length, p50Ms: p50, p95Ms: p95, maxMs: max };
  }
}
