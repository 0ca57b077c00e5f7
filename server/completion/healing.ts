/** Token healing: a word that is being typed ends in a token that its continuation may not have, so this token is chosen again. */
import type { Tokenizer } from "../engine/tokenizer.ts";

export interface Healed {
  readonly tokens: readonly number[];
  /** What the dropped token wrote; the completion begins with it. Empty: nothing was dropped. */
  readonly dropped: Uint8Array;
  /** The only tokens that may come first; undefined: all. */
  readonly firstTokens: Int32Array | undefined;
}

const NOTHING_DROPPED = new Uint8Array(0);

export function heal(tokenizer: Tokenizer, before: string, tokens: readonly number[]): Healed {
  const last = tokens.at(-1);
  const unhealed: Healed = { tokens, dropped: NOTHING_DROPPED, firstTokens: undefined };
  if (last === undefined || !/[\p{L}\p{N}_$]$/u.test(before)) return unhealed;
  const dropped = tokenizer.bytesOf(last);
  const firstTokens = tokenizer.tokensBeginningWith(dropped);
  // With one candidate, choosing again would choose the same.
  if (dropped.length === 0 || firstTokens.length < 2) return unhealed;
  return { tokens: tokens.slice(0, -1), dropped, firstTokens };
}
