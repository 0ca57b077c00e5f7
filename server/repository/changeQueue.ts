/** Gathers what file watchers tell into batches: a short pause for what changes once, a bounded wait for what never rests. */
import { dirname } from "node:path";

/** What passes time; a test passes it by hand. */
export interface Clock {
  nowMs(): number;
  /** Returns what calls it off. */
  after(ms: number, call: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** More at once are told by their folders, whose files are looked at then. */
const MOST_PATHS = 20_000;

export interface ChangeQueueOptions {
  readonly clock: Clock;
  /** Changes come in bursts: one is taken when nothing joined it for so long. */
  readonly pauseMs: number;
  /** No change waits longer, and no file is taken more often. */
  readonly mostWaitMs: number;
  /** By the path alone: what can never matter is not even kept. */
  readonly mayMatter: (path: string) => boolean;
  /** Of files and folders, whether they are there or not. */
  readonly onBatch: (paths: readonly string[]) => void;
}

export class ChangeQueue {
  readonly #options: ChangeQueueOptions;
  /** Taken together. */
  readonly #burst = new Set<string>();
  #burstBeganMs = 0;
  /** When a path came that was not waiting yet. */
  #burstGrewMs = 0;
  /** Taken a short while ago and changed again: they hold up nothing, and nothing hurries them. By when they are taken, ms. */
  readonly #held = new Map<string, number>();
  #nextHeldMs = Number.POSITIVE_INFINITY;
  /** Of what was taken a short while ago: when it may be again, ms. */
  readonly #resting = new Map<string, number>();
  #callOff: (() => void) | undefined;

  constructor(options: ChangeQueueOptions) {
    this.#options = options;
  }

  note(path: string): void {
    if (this.#burst.has(path) || this.#held.has(path) || !this.#options.mayMatter(path)) return;
    const nowMs = this.#options.clock.nowMs();
    const restsUntilMs = this.#resting.get(path) ?? 0;
    if (restsUntilMs > nowMs) {
      this.#held.set(path, restsUntilMs);
      this.#nextHeldMs = Math.min(this.#nextHeldMs, restsUntilMs);
    } else {
      if (this.#burst.size === 0) this.#burstBeganMs = nowMs;
      this.#burst.add(path);
      this.#burstGrewMs = nowMs;
      if (this.#burst.size > MOST_PATHS) this.#tellByFolders();
    }
    this.#plan();
  }

  /** Hands over everything at once. */
  flush(): void {
    this.#take(Number.POSITIVE_INFINITY);
  }

  clear(): void {
    this.#callOff?.();
    this.#burst.clear();
    this.#held.clear();
    this.#resting.clear();
    this.#nextHeldMs = Number.POSITIVE_INFINITY;
  }

  #tellByFolders(): void {
    const folders = new Set([...this.#burst].map(dirname));
    this.#burst.clear();
    for (const folder of folders) this.#burst.add(folder);
  }

  #burstDueMs(): number {
    if (this.#burst.size === 0) return Number.POSITIVE_INFINITY;
    const { pauseMs, mostWaitMs } = this.#options;
    return Math.min(this.#burstGrewMs + pauseMs, this.#burstBeganMs + mostWaitMs);
  }

  #plan(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    const dueMs = Math.min(this.#burstDueMs(), this.#nextHeldMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#callOff = clock.after(Math.max(0, dueMs - clock.nowMs()), () => this.#take(clock.nowMs()));
  }

  #take(dueMs: number): void {
    const { clock, mostWaitMs, onBatch } = this.#options;
    const nowMs = clock.nowMs();
    const batch = [...this.#held].filter(([, untilMs]) => untilMs <= dueMs).map(([path]) => path);
    for (const path of batch) this.#held.delete(path);
    this.#nextHeldMs = [...this.#held.values()].reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    if (this.#burstDueMs() <= dueMs) {
      for (const path of this.#burst) batch.push(path);
      this.#burst.clear();
    }
    for (const [path, untilMs] of this.#resting) if (untilMs <= nowMs) this.#resting.delete(path);
    for (const path of batch) this.#resting.set(path, nowMs + mostWaitMs);
    this.#plan();
    if (batch.length > 0) onBatch(batch);
  }
}
