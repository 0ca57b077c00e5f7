/** Identifier recall at distance: how probable a name is that stood once before, so many tokens ago, and not since. */
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { type Estimate, mean } from "./random.ts";
import type { Condition, ScoredText, Text } from "./reading.ts";

/** Shorter ones are words of the language rather than names of the repository. */
const SHORTEST_NAME = 6;

/** Distances in tokens, around powers of two. */
const DISTANCES = [
  { from: 64, to: 256 },
  { from: 512, to: 2048 },
  { from: 4096, to: 16_384 },
  { from: 32_768, to: 131_072 },
] as const;

/** A name's second appearance: the tokens of a text from begin up to end. */
export interface NameCase {
  readonly text: number;
  readonly begin: number;
  readonly end: number;
  /** From its first appearance to here, in tokens. */
  readonly distance: number;
}

/** Of the texts as they follow each other; a name in a file's header has been seen and is not asked for. */
export function nameCases(tokenizer: Tokenizer, texts: readonly (Text & { position: number })[]): NameCase[] {
  const seen = new Map<string, { times: number; at: number }>();
  return texts.flatMap((text, index) =>
    spansOf(tokenizer, text.tokens).flatMap(({ name, begin, end }) => {
      const at = text.position + begin;
      const before = seen.get(name);
      seen.set(name, { times: (before?.times ?? 0) + 1, at });
      if (before?.times !== 1 || begin < text.headerLength) return [];
      return [{ text: index, begin, end, distance: at - before.at }];
    }),
  );
}

/** Names and the tokens that hold them; the first may begin with what stands before the name, as a space does. */
function spansOf(
  tokenizer: Tokenizer,
  tokens: readonly number[],
): { name: string; begin: number; end: number }[] {
  const starts: number[] = [];
  let joined = "";
  for (const token of tokens) {
    starts.push(joined.length);
    joined += Buffer.from(tokenizer.bytesOf(token)).toString("latin1");
  }
  let token = 0;
  return [...joined.matchAll(/[A-Za-z_$][\w$]*/g)]
    .filter(([name]) => name.length >= SHORTEST_NAME)
    .map(({ 0: name, index }) => {
      while ((starts[token + 1] ?? joined.length) <= index) token++;
      const begin = token;
      let end = token + 1;
      while ((starts[end] ?? joined.length) < index + name.length) end++;
      return { name, begin, end };
    });
}

type ByCondition<Figure> = Readonly<Partial<Record<Condition, Figure>>>;

export interface NameProbability {
  readonly distance: number;
  readonly whole: ByCondition<number>;
  /** Of the rest after the name's first token; of a name of one token there is none. */
  readonly rest: ByCondition<number>;
}

export interface NameFigures {
  readonly from: number;
  readonly to: number;
  readonly names: number;
  /** Mean probabilities. */
  readonly whole: ByCondition<Estimate>;
  readonly rest: ByCondition<Estimate>;
}

export function nameProbabilities(tokenizer: Tokenizer, texts: readonly ScoredText[]): NameProbability[] {
  return nameCases(tokenizer, texts).map(({ text, begin, end, distance }) => {
    const whole: Partial<Record<Condition, number>> = {};
    const rest: Partial<Record<Condition, number>> = {};
    for (const [condition, all] of Object.entries(texts[text]?.logProbs ?? {})) {
      const probability = (from: number) => Math.exp(all.subarray(from, end).reduce((sum, x) => sum + x, 0));
      whole[condition as Condition] = probability(begin);
      if (begin + 1 < end) rest[condition as Condition] = probability(begin + 1);
    }
    return { distance, whole, rest };
  });
}

export function nameFigures(all: readonly NameProbability[]): NameFigures[] {
  return DISTANCES.flatMap(({ from, to }) => {
    const inside = all.filter(({ distance }) => distance >= from && distance < to);
    if (inside.length === 0) return [];
    const whole = means(inside.map((one) => one.whole));
    const rest = means(inside.map((one) => one.rest));
    return [{ from, to, names: inside.length, whole, rest }];
  });
}

function means(all: readonly ByCondition<number>[]): ByCondition<Estimate> {
  const found: Partial<Record<Condition, Estimate>> = {};
  for (const condition of ["alone", "read", "recalled"] as const) {
    const values = all.flatMap((one) => one[condition] ?? []);
    if (values.length > 0) found[condition] = mean(values);
  }
  return found;
}
