/** A clock that a test moves: what is due happens in its order, at its time. */
import type { Clock } from "../../../server/repository/changeQueue.ts";

export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #calls = new Set<{ readonly atMs: number; readonly call: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void): () => void {
    const planned = { atMs: this.#nowMs + ms, call };
    this.#calls.add(planned);
    return () => this.#calls.delete(planned);
  }

  moveTo(ms: number): void {
    for (let next = this.#next(ms); next; next = this.#next(ms)) {
      this.#calls.delete(next);
      this.#nowMs = next.atMs;
      next.call();
    }
    this.#nowMs = ms;
  }

  #next(ms: number) {
    const due = [...this.#calls].filter(({ atMs }) => atMs <= ms);
    return due.sort((a, b) => a.atMs - b.atMs)[0];
  }
}
