/**
 * Two writers at one place. The better one, a server or a larger model, is waited for only where it lately came before a
 * person would notice; else the quick one answers, and what comes later is told to `onLate`. Nobody waits for one that fails.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Cancelled } from "../engine/engine.ts";
import { AdaptivePause, pause } from "./pause.ts";

/** From the key to the answer. */
const PATIENCE_MS = 200;
/** Whoever asks by key waits longer for the better text. */
const PATIENCE_BY_KEY_MS = 1000;

export interface Job<Answer> {
  readonly quick: (signal: AbortSignal) => Promise<Answer>;
  /** undefined as answer: nothing to offer. Absent: there is no better writer now. */
  readonly better: ((signal: AbortSignal) => Promise<Answer | undefined>) | undefined;
  /** Of performance.now(): when the key was pressed. */
  readonly startedMs: number;
  readonly byKey: boolean;
  /** The better answer, after the quick one was given. */
  readonly onLate: (answer: Answer) => void;
  readonly onFailed: (cause: unknown) => void;
}

export class Relay<Answer> {
  readonly #pause = new AdaptivePause();
  /** What the better one took last; infinite where it failed, or was not there when a person had waited long enough. */
  #latencyMs = Number.POSITIVE_INFINITY;
  #asked = new AbortController();

  /** A new question takes back the one before, whose late answer nobody wants any more. */
  async first(job: Job<Answer>, signal: AbortSignal): Promise<Answer> {
    this.giveUp();
    if (!job.better) return await job.quick(signal);
    const asked = new AbortController();
    this.#asked = asked;
    const end = () => asked.abort();
    signal.addEventListener("abort", end, { once: true });
    const quickEnds = new AbortController();
    try {
      const better = this.#ask(job.better, job, asked.signal);
      const quick = job
        .quick(AbortSignal.any([signal, quickEnds.signal]))
        .then((answer) => ({ isQuick: true, answer }));
      const betterOrQuick = better.then((answer) =>
        answer === undefined ? quick : { isQuick: false, answer },
      );
      // Where the better one wins, the quick one ends by being cancelled.
      betterOrQuick.catch(() => undefined);
      let first = await Promise.race([quick, betterOrQuick]);
      if (first.isQuick) first = await this.#patiently(job, first, betterOrQuick, signal);
      if (!first.isQuick) quickEnds.abort();
      else void better.then((late) => late !== undefined && !asked.signal.aborted && job.onLate(late));
      return first.answer;
    } catch (cause) {
      asked.abort();
      throw cause;
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Nobody wants the late answer any more. */
  giveUp(): void {
    this.#asked.abort();
  }

  /** Never rejects. */
  async #ask(
    better: (signal: AbortSignal) => Promise<Answer | undefined>,
    { byKey, startedMs, onFailed }: Job<Answer>,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    try {
      const pauseMs = startedMs + this.#pause.lengthMs(0) - performance.now();
      if (!byKey && pauseMs > 0) await pause(pauseMs, signal);
      const begunMs = performance.now();
      const answer = await better(signal);
      this.#latencyMs = performance.now() - startedMs;
      this.#pause.noteLatency(performance.now() - begunMs);
      return answer;
    } catch (cause) {
      if (cause instanceof Cancelled || signal.aborted) return undefined;
      this.#latencyMs = Number.POSITIVE_INFINITY;
      onFailed(cause);
      return undefined;
    }
  }

  /** The quick answer is there: waits for the better one where that comes in time as a rule. */
  async #patiently<First>(
    { byKey, startedMs }: Job<Answer>,
    quick: First,
    better: Promise<First>,
    signal: AbortSignal,
  ): Promise<First> {
    const patienceMs = byKey ? PATIENCE_BY_KEY_MS : PATIENCE_MS;
    const leftMs = startedMs + patienceMs - performance.now();
    if (this.#latencyMs > patienceMs || leftMs <= 0) return quick;
    const waiting = new AbortController();
    try {
      const isOver = delay(leftMs, undefined, { signal: AbortSignal.any([signal, waiting.signal]) });
      const late = isOver.then(
        () => {
          this.#latencyMs = Math.max(this.#latencyMs, performance.now() - startedMs);
          return quick;
        },
        // The only rejection of a timer is its signal's.
        () => quick,
      );
      return await Promise.race([better, late]);
    } finally {
      waiting.abort();
    }
  }
}
