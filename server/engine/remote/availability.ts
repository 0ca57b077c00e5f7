/** Whether a remote server may be asked now. After a failure it is left alone, longer each time, and never by all at the same moment. */
import type { RemoteError } from "./errors.ts";

const FIRST_MS = 500;
const LONGEST_MS = 60_000;
/** Somebody must change something before it works again; it may also be changed on the other side. */
const REFUSED_MS = 300_000;
/** Of a pause, so much is drawn at random. */
const JITTER = 0.5;

export interface AvailabilityOptions {
  readonly nowMs?: () => number;
  /** From 0 to 1. */
  readonly random?: () => number;
}

export class Availability {
  readonly #nowMs: () => number;
  readonly #random: () => number;
  #failures = 0;
  #untilMs = Number.NEGATIVE_INFINITY;
  #problem: RemoteError | undefined;

  constructor({ nowMs = () => performance.now(), random = Math.random }: AvailabilityOptions = {}) {
    this.#nowMs = nowMs;
    this.#random = random;
  }

  /** Why the last question failed; undefined after one that did not. */
  get problem(): RemoteError | undefined {
    return this.#problem;
  }

  get isAway(): boolean {
    return this.#nowMs() < this.#untilMs;
  }

  throwIfAway(): void {
    if (this.isAway && this.#problem) throw this.#problem;
  }

  /** Whether that is news. */
  succeeded(): boolean {
    const isNews = this.#problem !== undefined;
    this.forgive();
    return isNews;
  }

  /** Something was changed: it is asked again at once. */
  forgive(): void {
    this.#failures = 0;
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#problem = undefined;
  }

  /** Whether that is news. */
  failed(error: RemoteError): boolean {
    if (error.trouble === "unfit") return false;
    const isNews = this.#problem?.message !== error.message;
    this.#problem = error;
    const longest =
      error.trouble === "refused" ? REFUSED_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures++;
    const asked = error.retryAfterMs ?? 0;
    const own = longest * (1 - JITTER * this.#random());
    // What a server asks for is the least; all whom it told so come back one after the other.
    this.#untilMs = this.#nowMs() + Math.max(own, asked * (1 + JITTER * this.#random()));
    return isNews;
  }
}
