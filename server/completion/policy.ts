/**
 * What of a decoded text is shown while a person types: a decision under uncertainty, made of what was decoded alone. A text
 * is worth the keys that it saves if all of it is right, less what reading it costs if it is not, less what shorter texts would
 * have saved of the part that is right. model/EXPERIMENTS.md has what other rules would show.
 */
import type { Suggestions } from "../../protocol/settings.ts";
import { missingClosers, unopened } from "./balance.ts";
import { CALIBRATION } from "./calibration.ts";
import type { Generation } from "./generate.ts";

export type Decoded = Pick<Generation, "text" | "pieces" | "next" | "isOpen">;

/** A beginning of a decoded text that may be shown. */
export interface Cut {
  /** Characters. */
  readonly length: number;
  /** That all of it is right; never more than of a shorter one. */
  readonly probability: number;
}

export interface Costs {
  /** Of reading a text that is wrong, in keys. */
  readonly wrong: number;
  /** With which a text is right at least; no more is decoded. */
  readonly leastProbability: number;
}

export const COSTS: Readonly<Record<Suggestions, Costs>> = {
  eager: { wrong: 0, leastProbability: 0.2 },
  balanced: { wrong: 0.5, leastProbability: 0.3 },
  subtle: { wrong: 2, leastProbability: 0.4 },
};

const WORD_BEGINS = /^[\p{L}\p{N}_]/u;
const WORD_ENDS = /[\p{L}\p{N}_]$/u;
/** A probability of 0.998. */
const MOST_LOGIT = 6;
/** Of a character that a shown text has right before it goes wrong: other texts would have saved so much of it. */
const SAVED_A_CHARACTER = 0.5;
/** A person who has typed so many characters of a text has read it, and does not take it whole. */
const REFUSED_AFTER = 2;
/** Of the right texts that are shown: how many a person types all the same. */
const OVERLOOKED = 0.2;
/** What another text must be worth, in keys, to take the place of one that is read. */
const WORTH_CHANGING = 0.5;

/** The beginnings of a text that may be shown before what is `right` of the cursor, with how likely all of each is. */
export function cutsOf(decoded: Decoded, right = ""): Cut[] {
  let least = 1;
  const cuts = endsOf(decoded).map(({ length, logProb }) => {
    least = Math.min(least, probabilityOf(decoded.text.slice(0, length), logProb));
    return { length, probability: least };
  });
  return cuts.filter(({ length }) => leavesWellFormed(decoded.text.slice(0, length), right));
}

/**
 * What is to the right would fall into a bracket that the beginning leaves open, or close it in place of its own; and of values
 * between braces on a line nobody counts how many are missing.
 */
function leavesWellFormed(beginning: string, right: string): boolean {
  if (leftOf(right, beginning) !== "") return missingClosers(beginning) === "";
  const line = beginning.slice(beginning.lastIndexOf("\n") + 1);
  return /[([{]$/.test(line) || !missingClosers(line).includes("}");
}

/** What of the text to the right stays when the beginning has written closers of it again. */
function leftOf(right: string, beginning: string): string {
  return unopened(beginning).reduce(
    (left, offset) => (left[0] === beginning[offset] ? left.slice(1).trimStart() : left),
    right.trim(),
  );
}

export interface End {
  /** Characters. */
  readonly length: number;
  /** Of the tokens up to it together, as the model has it, nats. */
  readonly logProb: number;
}

/** Where a decoded text may end: not inside a word or between closers, where something is said, and below its first line only at a line's end. */
export function endsOf({ text, pieces, next, isOpen }: Decoded): End[] {
  const ends: End[] = [];
  let logProb = 0;
  for (const [i, { end, logProb: own }] of pieces.entries()) {
    logProb += own;
    // White space at the end is not shown.
    const length = text.slice(0, end).trimEnd().length;
    const following =
      i + 1 < pieces.length ? text.slice(length) : text.slice(length) + (next ?? (isOpen ? "a" : "\n"));
    const isFirstLine = !text.slice(0, length).includes("\n");
    const mayEnd = isFirstLine ? !goesOnAtOnce(text, length, following) : /^\s*\n/.test(following);
    if (mayEnd && length > (ends.at(-1)?.length ?? 0)) ends.push({ length, logProb });
  }
  return ends;
}

function goesOnAtOnce(text: string, length: number, following: string): boolean {
  const head = text.slice(0, length);
  const isInWord = WORD_ENDS.test(head) && WORD_BEGINS.test(following);
  // Half of the closers in a row would leave the others to nobody.
  return isInWord || (/[)\]}]$/.test(head) && /^[)\]}]/.test(following));
}

/** How often a text is right that the model gives this probability; beyond the end of a line it is surer than it should be. */
function probabilityOf(text: string, logProb: number): number {
  const features = featuresOf(text, logProb);
  const z = features.reduce((sum, feature, i) => sum + feature * (CALIBRATION[i] ?? 0), 0);
  return 1 / (1 + Math.exp(-z));
}

/** Of a beginning of a decoded text whose tokens have log probabilities of this sum, nats: what its weights are fitted for. */
export function featuresOf(text: string, logProb: number): readonly number[] {
  const logit = Math.min(MOST_LOGIT, logProb - Math.log(-Math.expm1(Math.min(logProb, -1e-9))));
  return text.includes("\n") ? [1, logit, 1, logit] : [1, logit, 0, 0];
}

/** How far it is worth decoding: the model's own log probability of a text that is as likely as that, nats. */
export function leastLogProb({ leastProbability }: Costs): number {
  const [bias = 0, slope = 1] = CALIBRATION;
  return -Math.log1p(Math.exp(-(Math.log(leastProbability / (1 - leastProbability)) - bias) / slope));
}

/** Characters of the text to show; 0: nothing. */
export function lengthToShow(cuts: readonly Cut[], costs: Costs): number {
  const chosen = best(valued(cuts, costs), costs);
  return chosen && chosen.worth > 0 ? chosen.length : 0;
}

/**
 * Of a text of which `shown` characters are shown and `typed` are typed: the characters to show from now on, typed ones
 * included. A text that was read and not taken is rather wrong somewhere, so less of it may be right.
 */
export function lengthAfterRefusal(cuts: readonly Cut[], typed: number, shown: number, costs: Costs): number {
  if (typed < REFUSED_AFTER) return shown;
  const whole = cuts.findLast(({ length }) => length <= shown)?.probability ?? 0;
  const known = cuts.findLast(({ length }) => length <= typed)?.probability ?? 1;
  const refused = (1 - OVERLOOKED) * whole;
  const left = cuts
    .filter(({ length }) => length > typed && length <= shown)
    .map(({ length, probability }) => ({
      length: length - typed,
      probability: (probability - refused) / (known - refused),
    }));
  const values = valued(left, costs);
  const shorter = best(values, costs);
  const gain = (shorter?.worth ?? 0) - Math.max(0, values.at(-1)?.worth ?? 0);
  return shorter && gain > WORTH_CHANGING ? typed + shorter.length : shown;
}

interface Valued extends Cut {
  /** In keys. */
  readonly worth: number;
}

function valued(cuts: readonly Cut[], { wrong }: Costs): Valued[] {
  let missed = 0;
  let before: Cut = { length: 0, probability: 1 };
  return cuts.map(({ length, probability }) => {
    missed += (SAVED_A_CHARACTER * (before.probability - probability) * (before.length + length)) / 2;
    before = { length, probability };
    // Taking it is a key.
    return { length, probability, worth: probability * (length - 1) - (1 - probability) * wrong - missed };
  });
}

function best(cuts: readonly Valued[], { leastProbability }: Costs): Valued | undefined {
  const likely = cuts.filter(({ probability }) => probability >= leastProbability);
  return likely.reduce<Valued | undefined>(
    (most, cut) => (most && most.worth >= cut.worth ? most : cut),
    undefined,
  );
}
