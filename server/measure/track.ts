/** One mode's way through ever longer contexts: each is reached from the one before, with the clock on. */
import type { BenchmarkPoint, Mode, Stop } from "../../protocol/benchmark.ts";
import type { Model, State } from "../engine/engine.ts";
import { throwIfCancelled } from "../engine/engine.ts";
import { median } from "./statistics.ts";

/** Some chunks of the engine's prefill. */
const BATCH_TOKENS = 2048;
/** One chunk, where chunks have become slow: the limits are looked at after each batch. */
const SLOW_BATCH_TOKENS = 256;
const SLOW_BATCH_MS = 500;
const DECODE_REPEATS = 3;

export const DECODE_TOKENS = 128;

export interface TrackOptions {
  readonly mode: Mode;
  readonly stateHeads: number;
  /** 0 is unbounded. */
  readonly attentionWindow: number;
  readonly tokens: Int32Array;
  readonly timeLimitMs: number;
  readonly memoryLimitBytes: number;
  readonly signal: AbortSignal;
  readonly onBatch: (tokens: number) => void;
}

export class Track {
  readonly options: TrackOptions;
  readonly #model: Model;
  #state: State;
  #batchTokens = BATCH_TOKENS;
  #prefillMs = 0;
  #spentMs = 0;
  #stopped: Stop | undefined;

  constructor(model: Model, options: TrackOptions) {
    this.options = options;
    this.#model = model;
    this.#state = model.initialState(options.stateHeads, options.attentionWindow);
  }

  get stopped(): Stop | undefined {
    return this.#stopped;
  }

  /** undefined: a limit was met before; `stopped` says which. */
  async reach(contextTokens: number): Promise<BenchmarkPoint | undefined> {
    while (this.#state.tokenCount < contextTokens) {
      this.#stopped ??= this.#limitMet();
      if (this.#stopped) return undefined;
      await this.#advance(Math.min(contextTokens, this.#state.tokenCount + this.#batchTokens));
    }
    const begunMs = performance.now();
    const decodeTokensPerSecond = await this.#decode();
    this.#spentMs += performance.now() - begunMs;
    const { stateBytes, kvBytes } = this.#state;
    return {
      contextTokens,
      prefillMs: this.#prefillMs,
      prefillTokensPerSecond: (1000 * contextTokens) / this.#prefillMs,
      decodeTokensPerSecond,
      wallMs: this.#prefillMs + (1000 * DECODE_TOKENS) / decodeTokensPerSecond,
      stateBytes,
      kvBytes,
    };
  }

  dispose(): void {
    this.#state.dispose();
  }

  async #advance(end: number): Promise<void> {
    const { tokens, signal, onBatch } = this.options;
    const begin = this.#state.tokenCount;
    const begunMs = performance.now();
    const [next] = await this.#model.advance(this.#state, tokens.subarray(begin, end), {
      priority: "background",
      signal,
    });
    const ms = performance.now() - begunMs;
    if (!next) throw new Error("The engine gave no state for a batch of the benchmark.");
    this.#state.dispose();
    this.#state = next;
    this.#prefillMs += ms;
    this.#spentMs += ms;
    if (ms > SLOW_BATCH_MS) this.#batchTokens = SLOW_BATCH_TOKENS;
    onBatch(end - begin);
  }

  async #decode(): Promise<number> {
    const { signal } = this.options;
    const speeds: number[] = [];
    for (let repeat = 0; repeat < DECODE_REPEATS; repeat++) {
      throwIfCancelled(signal);
      const begunMs = performance.now();
      const generated = await this.#model.generate(this.#state, {
        ...{ priority: "background", signal, maxTokens: DECODE_TOKENS },
        ...{ temperature: 0, topP: 1, seed: 1, stopTokens: NO_TOKENS },
      });
      speeds.push((1000 * generated.tokens.length) / (performance.now() - begunMs));
      generated.state.dispose();
    }
    return median(speeds);
  }

  #limitMet(): Stop | undefined {
    const { timeLimitMs, memoryLimitBytes } = this.options;
    const { tokenCount: atTokens, stateBytes, kvBytes } = this.#state;
    if (stateBytes + kvBytes > memoryLimitBytes)
      return { reason: "memory", limitBytes: memoryLimitBytes, atTokens };
    if (this.#spentMs > timeLimitMs) return { reason: "time", limitSeconds: timeLimitMs / 1000, atTokens };
    return undefined;
  }
}

const NO_TOKENS = new Int32Array(0);
