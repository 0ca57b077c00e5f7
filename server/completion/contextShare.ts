/** How much of the surroundings is read: all of it where that takes no longer than a person waits, else a half, a quarter, an eighth. */

/** After a jump all of it is read anew. */
const MOST_SECONDS = 1;
/** Of snippets, suffix and prefix in their full lengths. */
const WHOLE_TOKENS = 1400;
/** A model that reads no more has people wait. */
export const QUICK_TOKENS_PER_SECOND = WHOLE_TOKENS / MOST_SECONDS;
const LEAST_SHARE = 1 / 8;
/** Another share has everything read again, so it waits until the one before is clearly wrong. */
const TOO_LONG = 1.5;

export class ContextShare {
  #share = 1;

  at(tokensPerSecond: number): number {
    const secondsOf = (share: number) => (share * WHOLE_TOKENS) / tokensPerSecond;
    while (this.#share > LEAST_SHARE && secondsOf(this.#share) > TOO_LONG * MOST_SECONDS) this.#share /= 2;
    while (this.#share < 1 && secondsOf(2 * this.#share) < MOST_SECONDS) this.#share *= 2;
    return this.#share;
  }
}
