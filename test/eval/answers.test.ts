import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Answer,
  answerFigures,
  offeredFigures,
  sharedWith,
  within,
} from "../../scripts/eval/answers.ts";
import { estimate, mean, randomSource } from "../../scripts/eval/random.ts";
import { timed } from "../../scripts/eval/smollm2.ts";

function answer(rest: string, given: string, more: Partial<Answer> = {}): Answer {
  const place = { kind: "identifier", nth: 0, language: "Go", repository: "r", path: `${rest}.go` } as const;
  return { ...place, rest, answer: given, ms: 50, ...more };
}

const SOME = [answer("value;", "value;"), answer("value)", "values;"), answer("other", "")];

test("what answers are worth", () => {
  const [all, go] = answerFigures(SOME);
  assert.deepEqual({ ...all, language: "Go" }, go);
  assert.equal(all?.places, 3);
  assert.ok(Math.abs((all?.exactMatch.value ?? 0) - 1 / 3) < 1e-12);
  // Six characters; five right and two to delete; nothing.
  assert.ok(Math.abs((all?.charactersSaved.value ?? 0) - (6 + 3) / 3) < 1e-12);
  assert.ok(Math.abs((all?.charactersRight.value ?? 0) - 11 / 3) < 1e-12);
});

test("an answer that comes too late is none", () => {
  const late = [answer("x = 1", "x = 1", { ms: 101 }), answer("y = 1", "y = 1", { ms: 100 })];
  assert.equal(answerFigures(within(100, late))[0]?.exactMatch.value, 0.5);
});

test("models are compared where each of them was asked", () => {
  const others = [answer("value;", "x"), answer("elsewhere", "x")];
  assert.deepEqual(sharedWith(others, SOME), [SOME[0]]);
});

test("what is shown unasked may be right without being the whole line", () => {
  const figures = offeredFigures([...SOME, answer("call(x)", "call(")]);
  assert.equal(figures.offeredShare, 3 / 4);
  assert.equal(figures.exactShare, 1 / 3);
  assert.equal(figures.rightShare, 2 / 3);
  // Six characters, five less two, none, five.
  assert.equal(figures.netCharacters.value, (6 + 3 + 0 + 5) / 4);
});

test("a model's times are its counts of tokens times its speeds", () => {
  const { ms: _, ...place } = answer("x", "x");
  const raw = { ...place, contextTokens: 1000, lineTokens: 10, writtenTokens: 4 };
  const known = { speeds: { longMs: 3, shortMs: 5, oneMs: 12 }, answers: [raw], bits: [] };
  assert.equal(timed(known, "file")[0]?.ms, 98);
  assert.equal(timed(known, "nothing")[0]?.ms, 3098);
});

test("an interval holds the true mean about as often as it says", () => {
  const random = randomSource(21);
  const drawn = Array.from({ length: 100 }, () => mean(Array.from({ length: 60 }, random)));
  const holding = drawn.filter(({ low, high }) => low <= 0.5 && high >= 0.5).length;
  assert.ok(holding >= 88 && holding <= 100, `${holding} of 100`);
});

test("a ratio weighs its items", () => {
  const { value, low, high } = estimate([1, 8], [1, 2]);
  assert.equal(value, 3);
  assert.ok(low >= 1 && high <= 4);
});
