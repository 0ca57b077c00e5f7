import assert from "node:assert/strict";
import { test } from "node:test";
import { type Example, fitWeights, logLoss } from "../../scripts/eval/policy/calibrate.ts";
import type { DecodedEdit, DecodedHere } from "../../scripts/eval/policy/decodings.ts";
import { type Policy, simulate } from "../../scripts/eval/policy/simulate.ts";
import { thresholdPolicy } from "../../scripts/eval/policy/thresholds.ts";
import { randomSource } from "../../scripts/eval/random.ts";

/** One token a word or sign, all with this probability. */
function decodedOf(text: string, probability = 0.9, next?: string): DecodedHere {
  let end = 0;
  const pieces = (text.match(/ ?\w+|./gsu) ?? []).map((token) => {
    end += token.length;
    return { end, logProb: Math.log(probability) };
  });
  const here = { lineBefore: "x", lineAfter: "", previousLine: "" };
  return { text, pieces, next, isOpen: false, ...here };
}

/** Typed a character a key; `decodes` says what would be written after so many of them. */
function editOf(target: string, decodes: Readonly<Record<number, string>>): DecodedEdit {
  const keys = Array.from(target, (_, i) => {
    const text = decodes[i + 1];
    return { typed: i + 1, slack: false, keys: 1, decoded: text === undefined ? undefined : decodedOf(text) };
  });
  return { path: "a.py", language: "Python", target, keys };
}

/** Shows all that was decoded. */
const whole: Policy = {
  choose: ({ text }) => ({ text, cuts: [] }),
  afterRefusal: ({ text }) => text.length,
};

interface Case {
  readonly what: string;
  readonly target: string;
  readonly decodes: Readonly<Record<number, string>>;
  readonly policy?: Policy;
  readonly keys: number;
  readonly shown: number;
  readonly accepted: number;
  readonly characters?: number;
}

const CASES: readonly Case[] = [
  { what: "nothing is decoded", target: "abcdef", decodes: {}, keys: 6, shown: 0, accepted: 0 },
  {
    what: "a right text costs the keys before it and one",
    ...{ target: "abcdef", decodes: { 2: "cdef" }, keys: 3, shown: 1, accepted: 1, characters: 4 },
  },
  {
    what: "an acceptance asks at once",
    ...{ target: "abcdef", decodes: { 1: "bc", 3: "def" }, keys: 3, shown: 2, accepted: 2, characters: 5 },
  },
  {
    what: "what an acceptance passes is not asked for",
    ...{
      target: "abcdef",
      decodes: { 1: "bcd", 2: "x", 3: "y" },
      keys: 4,
      shown: 1,
      accepted: 1,
      characters: 3,
    },
  },
  {
    what: "a text that is right to its last character but one saves nothing",
    ...{ target: "abcdef", decodes: { 1: "bcdeX" }, keys: 6, shown: 1, accepted: 0 },
  },
  {
    what: "typed along it counts once, and nothing else is shown meanwhile",
    ...{
      target: "abcdef",
      decodes: { 1: "bcX", 2: "cdef", 3: "def", 4: "ef" },
      keys: 5,
      shown: 2,
      accepted: 1,
    },
  },
  {
    what: "what is left of a refused text may be right",
    policy: { choose: whole.choose, afterRefusal: (_, typed) => (typed < 2 ? 9 : 4) },
    ...{ target: "abcdefgh", decodes: { 1: "bcdeX" }, keys: 7, shown: 2, accepted: 1, characters: 2 },
  },
];
for (const { what, target, decodes, policy = whole, keys, shown, accepted, characters } of CASES) {
  test(`edits are simulated: ${what}`, () => {
    const figures = simulate([editOf(target, decodes)], policy);
    assert.equal(figures.keys, target.length);
    assert.equal(Math.round((1 - figures.keysSaved) * target.length), keys);
    assert.equal(Math.round((figures.shownPer100Keys * target.length) / 100), shown);
    if (shown > 0) assert.equal(Math.round(figures.acceptedShare * shown), accepted);
    if (characters !== undefined)
      assert.equal(Math.round(figures.charactersAnAcceptance * accepted), characters);
  });
}

const THRESHOLDS: readonly [what: string, decoded: DecodedHere, threshold: number, shown: string][] = [
  ["a likely line", decodedOf("f(a)\n", 0.99), 0.4, "f(a)"],
  ["as many tokens as are likely together", decodedOf("a.b.c.d", 0.8), 0.4, "a.b."],
  ["no part of a word", decodedOf("a.b", 0.9, "c"), 0.4, "a."],
  ["a word that a sign follows", decodedOf("a.b", 0.9, "("), 0.4, "a.b"],
  ["nothing unlikely", decodedOf("a.b", 0.3), 0.4, ""],
];
for (const [what, decoded, threshold, shown] of THRESHOLDS) {
  test(`a fixed threshold shows ${what}`, () => {
    assert.equal(thresholdPolicy(threshold).choose(decoded).text, shown);
  });
}

test("weights that made examples are found again, and lose less than others", () => {
  const random = randomSource(1);
  const weights = [-0.5, 0.8];
  const examples = Array.from({ length: 20_000 }, (): Example => {
    const features = [1, 8 * random() - 4];
    const z = features.reduce((sum, feature, i) => sum + feature * (weights[i] ?? 0), 0);
    return { features, isRight: random() < 1 / (1 + Math.exp(-z)) };
  });
  const found = fitWeights(examples);
  for (const [i, weight] of weights.entries())
    assert.ok(Math.abs((found[i] ?? 0) - weight) < 0.06, `${found}`);
  assert.ok(logLoss(examples, found) < logLoss(examples, [0, 1]));
});
