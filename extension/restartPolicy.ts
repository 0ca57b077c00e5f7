/** How often a server may die before it is left dead: a bad start must not become a loop. */
const MAX_CRASHES = 5;
const WINDOW_MS = 3 * 60_000;
const FIRST_DELAY_MS = 250;

export type Verdict = { readonly kind: "retry"; readonly delayMs: number } | { readonly kind: "giveUp" };

/**
 * Back-off that grows fourfold with each crash of the last three minutes; a server that lived longer starts afresh. The client
 * library's own handler (createDefaultErrorHandler) starts the next one at once, and knows nothing of one that hangs.
 */
export class RestartPolicy {
  #crashes: readonly number[] = [];

  crashed(nowMs: number): Verdict {
    this.#crashes = [...this.#crashes.filter((then) => nowMs - then < WINDOW_MS), nowMs];
    const count = this.#crashes.length;
    if (count >= MAX_CRASHES) return { kind: "giveUp" };
    return { kind: "retry", delayMs: FIRST_DELAY_MS * 4 ** (count - 1) };
  }

  forget(): void {
    this.#crashes = [];
  }
}

export const GIVE_UP_MESSAGE = `Stateline's server stopped ${MAX_CRASHES} times within three minutes and is left stopped; the log says why.`;
