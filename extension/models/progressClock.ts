import { TimeLeft } from "./timeLeft.ts";

const SAY_MS = 250;

/** Says how a transfer goes on four times a second, whether much came since, or nothing. */
export class ProgressClock implements Disposable {
  readonly #timer: NodeJS.Timeout;
  readonly #left = new TimeLeft();
  readonly #say: (message: string, percentMore: number) => void;
  #now: { readonly done: number; readonly total: number } | undefined;
  #saidPercent = 0;

  constructor(say: (message: string, percentMore: number) => void) {
    this.#say = say;
    this.#timer = setInterval(() => this.#tell(), SAY_MS);
  }

  readonly note = (done: number, total: number): void => {
    this.#now = { done, total };
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    if (!this.#now) return;
    const { done, total } = this.#now;
    const percent = (100 * done) / total;
    this.#say(this.#left.say(done, total), percent - this.#saidPercent);
    this.#saidPercent = percent;
  }
}
