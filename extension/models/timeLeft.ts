import { bytes, duration } from "../../protocol/words.ts";

/** What came in the last so many milliseconds says how fast it comes. */
const LOOKED_BACK_MS = 10_000;

/** "120 MiB of 650 MiB, 2 min left": of a transfer as it goes on. */
export class TimeLeft {
  readonly #seen: { readonly atMs: number; readonly done: number }[] = [];
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  say(done: number, total: number): string {
    const atMs = this.#now();
    this.#seen.push({ atMs, done });
    while (this.#seen.length > 2 && atMs - (this.#seen[0]?.atMs ?? 0) > LOOKED_BACK_MS) this.#seen.shift();
    const first = this.#seen[0];
    const sizes = `${bytes(done)} of ${bytes(total)}`;
    if (!first || done <= first.done || atMs - first.atMs < 1000) return sizes;
    return `${sizes}, ${duration(((total - done) * (atMs - first.atMs)) / (done - first.done))} left`;
  }
}
