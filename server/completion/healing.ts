/**
 * Token healing. A word that is being typed is written in tokens that its whole would not have ("ret", "ur" where "return"
 * is one), so the last of them are taken back, and the first token of the completion must begin with their text. How many
 * are taken back is the model's choice: the way of writing what stands there that it finds likeliest. A space is taken back
 * too, since it belongs to the token of the word that follows it; in some vocabularies so do a mark, and the last space of
 * an indentation.
 */
import type { Tokenizer, WordHabits } from "../engine/tokenizer.ts";
import { concatBytes } from "../engine/utf8.ts";

/** A word of more tokens is rarely one token when it is whole. */
const MOST_TAKEN_BACK = 4;

export interface Healing {
  /** How many tokens are taken back. */
  readonly takenBack: number;
  /** What they wrote; the completion begins with it. */
  readonly text: Uint8Array;
  /** The only tokens that may come first; undefined: all. */
  readonly firstTokens: Int32Array | undefined;
}

export const NO_HEALING: Healing = { takenBack: 0, text: new Uint8Array(0), firstTokens: undefined };

/** The ways of healing the end of a text, from fewer to more tokens; none when no word is being typed or about to be. */
export function findHealings(tokenizer: Tokenizer, text: string, tokens: readonly number[]): Healing[] {
  const word = wordEnd(tokenizer.habits).exec(text)?.[0];
  if (word === undefined) return [];
  const wordBytes = Buffer.byteLength(word);
  const healings: Healing[] = [];
  let written: Uint8Array = NO_HEALING.text;
  for (let takenBack = 1; takenBack <= Math.min(MOST_TAKEN_BACK, tokens.length); takenBack++) {
    written = concatBytes([tokenizer.bytesOf(tokens.at(-takenBack) ?? 0), written]);
    if (written.length > wordBytes) break;
    const firstTokens = tokenizer.tokensBeginningWith(written);
    // With one candidate for one token, choosing again would choose the same.
    if (firstTokens.length > (takenBack === 1 ? 1 : 0))
      healings.push({ takenBack, text: written, firstTokens });
  }
  return healings;
}

/** A word that is being typed, or what may be the beginning of its token. */
function wordEnd({ marks, indentation }: WordHabits): RegExp {
  const before = marks ? "[^\\p{L}\\p{N}_\\r\\n]?" : " ?";
  const space = indentation ? "[ \\t]$" : "(?<=\\S) $";
  const mark = marks ? "|[^\\p{L}\\p{N}_\\s]$" : "";
  return new RegExp(`${before}[\\p{L}_]+$|${space}${mark}`, "u");
}

/** `logProbsAfter(count)`: the model's log probabilities after that many of the tokens, where they are known. */
export function chooseHealing(
  healings: readonly Healing[],
  tokens: readonly number[],
  logProbsAfter: (count: number) => Float32Array | undefined,
): Healing {
  let best = { healing: NO_HEALING, logProb: Number.NEGATIVE_INFINITY };
  let at = tokens.length;
  for (const healing of healings) {
    let logProbs: Float32Array | undefined;
    while (at > tokens.length - healing.takenBack) {
      at--;
      logProbs = logProbsAfter(at);
      if (!logProbs) return best.healing;
      // What was found before is compared from the new beginning on.
      best = { ...best, logProb: best.logProb + (logProbs[tokens[at] ?? 0] ?? 0) };
    }
    const logProb = logProbs
      ? logSum(logProbs, healing.firstTokens ?? Int32Array.of())
      : Number.NEGATIVE_INFINITY;
    if (logProb > best.logProb) best = { healing, logProb };
  }
  return best.healing;
}

/** log(sum of exp(values at these places)). */
function logSum(values: Float32Array, places: Int32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const place of places) most = Math.max(most, values[place] ?? Number.NEGATIVE_INFINITY);
  if (most === Number.NEGATIVE_INFINITY) return most;
  let sum = 0;
  for (const place of places) sum += Math.exp((values[place] ?? Number.NEGATIVE_INFINITY) - most);
  return most + Math.log(sum);
}
