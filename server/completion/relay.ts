/**
 * Two writers at one place. The better one, a server or a larger model, is waited for only where it lately came before a
 * person would notice; else the quick one answers, and what comes later is told to `onLate`. Nobody waits for one that fails.
 *
 * One question at most is under way to the better writer. A key that goes on from where it was asked leaves it there, since its
 * answer may begin with what is typed meanwhile; if it does not, the newest place is asked about next.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Cancelled } from "../engine/engine.ts";
import { AdaptivePause, pause } from "./pause.ts";

/** From the key to the answer. */
const PATIENCE_MS = 200;
/** Whoever asks by key waits longer for the better text. */
const PATIENCE_BY_KEY_MS = 1000;

/** What is asked of the better writer. */
export interface BetterJob<Answer, Place> {
  readonly place: Place;
  /** undefined as answer: nothing to offer. Absent: there is no better writer now. */
  readonly better: ((signal: AbortSignal) => Promise<Answer | undefined>) | undefined;
  /** Of performance.now(): when the key was pressed. */
  readonly startedMs: number;
  readonly byKey: boolean;
  /** The better answer, after the quick one was given: whether it fits what was typed since. */
  readonly onLate: (answer: Answer) => boolean;
  readonly onFailed: (cause: unknown) => void;
}

export interface Job<Answer, Place> extends BetterJob<Answer, Place> {
  readonly quick: (signal: AbortSignal) => Promise<Answer>;
}

/** Which of the two a text is of. */
interface First<Answer> {
  readonly isQuick: boolean;
  readonly answer: Answer;
}

interface UnderWay<Place> {
  readonly place: Place;
  readonly ended: AbortController;
}

interface Waiting<Answer, Place> {
  readonly job: BetterJob<Answer, Place>;
  /** Settles when the quick answer was given. */
  readonly answered: Promise<unknown>;
}

export class Relay<Answer, Place> {
  /** Whether an answer at the place before may be one at this. */
  readonly #goesOn: (place: Place, before: Place) => boolean;
  readonly #pause = new AdaptivePause();
  /** What the better one took last; infinite where it failed, or was not there when a person had waited long enough. */
  #latencyMs = Number.POSITIVE_INFINITY;
  #underWay: UnderWay<Place> | undefined;
  /** The newest job, where it waits for the one under way. */
  #next: Waiting<Answer, Place> | undefined;

  constructor(goesOn: (place: Place, before: Place) => boolean) {
    this.#goesOn = goesOn;
  }

  async first(job: Job<Answer, Place>, signal: AbortSignal): Promise<Answer> {
    this.#next = undefined;
    if (this.#underWay && job.better && this.#goesOn(job.place, this.#underWay.place)) {
      const quick = job.quick(signal);
      const next = { job, answered: quick.catch(() => undefined) };
      this.#next = next;
      try {
        return await quick;
      } catch (cause) {
        // Taken back: nobody wants the better one either.
        if (this.#next === next) this.#next = undefined;
        throw cause;
      }
    }
    this.giveUp();
    return job.better ? await this.#race(job, job.better, signal) : await job.quick(signal);
  }

  /** A key that was answered by what is shown: the place is asked about next where what is under way does not fit it. */
  typedOn(job: BetterJob<Answer, Place>): void {
    if (this.#underWay && job.better && this.#goesOn(job.place, this.#underWay.place))
      this.#next = { job, answered: Promise.resolve() };
  }

  /** Nobody wants the late answer any more. */
  giveUp(): void {
    this.#next = undefined;
    this.#underWay?.ended.abort();
    this.#underWay = undefined;
  }

  async #race(
    job: Job<Answer, Place>,
    ask: NonNullable<Job<Answer, Place>["better"]>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const ended = new AbortController();
    const end = () => ended.abort();
    signal.addEventListener("abort", end, { once: true });
    const quickEnds = new AbortController();
    try {
      const better = this.#ask(job, ask, ended);
      const quick = job
        .quick(AbortSignal.any([signal, quickEnds.signal]))
        .then((answer) => ({ isQuick: true, answer }));
      const betterOrQuick = better.then((answer) =>
        answer === undefined ? quick : { isQuick: false, answer },
      );
      // Where the better one wins, the quick one ends by being cancelled.
      betterOrQuick.catch(() => undefined);
      let first: First<Answer> = await Promise.race([quick, betterOrQuick]);
      if (first.isQuick) first = await this.#patiently(job, first, betterOrQuick, signal);
      if (first.isQuick) void this.#follow(job, better, ended.signal);
      else quickEnds.abort();
      return first.answer;
    } catch (cause) {
      ended.abort();
      throw cause;
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Never rejects. */
  async #ask(
    job: BetterJob<Answer, Place>,
    better: NonNullable<BetterJob<Answer, Place>["better"]>,
    ended: AbortController,
  ): Promise<Answer | undefined> {
    const { signal } = ended;
    const underWay = { place: job.place, ended };
    this.#underWay = underWay;
    try {
      const pauseMs = job.startedMs + this.#pause.lengthMs(0) - performance.now();
      if (!job.byKey && pauseMs > 0) await pause(pauseMs, signal);
      const begunMs = performance.now();
      const answer = await better(signal);
      this.#latencyMs = performance.now() - job.startedMs;
      this.#pause.noteLatency(performance.now() - begunMs);
      return answer;
    } catch (cause) {
      if (cause instanceof Cancelled || signal.aborted) return undefined;
      this.#latencyMs = Number.POSITIVE_INFINITY;
      job.onFailed(cause);
      return undefined;
    } finally {
      if (this.#underWay === underWay) this.#underWay = undefined;
    }
  }

  /** What becomes of the better answer after the quick one was given; then of the newest job that waited for it. */
  async #follow(
    job: BetterJob<Answer, Place>,
    better: Promise<Answer | undefined>,
    ended: AbortSignal,
  ): Promise<void> {
    const late = await better;
    if (ended.aborted) return;
    const fits = late !== undefined && job.onLate(late);
    const next = this.#next;
    this.#next = undefined;
    if (fits || !next?.job.better) return;
    const controller = new AbortController();
    const after = this.#ask(next.job, next.job.better, controller);
    await next.answered;
    await this.#follow(next.job, after, controller.signal);
  }

  /** The quick answer is there: waits for the better one where that comes in time as a rule. */
  async #patiently(
    { byKey, startedMs }: Job<Answer, Place>,
    quick: First<Answer>,
    better: Promise<First<Answer>>,
    signal: AbortSignal,
  ): Promise<First<Answer>> {
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
