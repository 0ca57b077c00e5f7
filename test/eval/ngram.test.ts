import assert from "node:assert/strict";
import { test } from "node:test";
import { Counts, EMPTY_A, EMPTY_B, extendA, extendB } from "../../scripts/eval/counts.ts";
import {
  distribution,
  evenWeights,
  evidenceOf,
  fitWeights,
  probability,
  type Stores,
} from "../../scripts/eval/ngram.ts";
import { randomSource } from "../../scripts/eval/random.ts";

const VOCAB = 7;

function randomTokens(count: number, seed: number): number[] {
  const random = randomSource(seed);
  // Some tokens are likelier after others, so that contexts tell something.
  let last = 0;
  return Array.from({ length: count }, () => {
    last = random() < 0.6 ? (last * 2 + 1) % VOCAB : Math.floor(random() * VOCAB);
    return last;
  });
}

function counted(tokens: readonly number[], order: number): Counts {
  const counts = new Counts(order, 4);
  for (const token of tokens) counts.push(token);
  return counts;
}

/** In order of the text. */
function countOf(counts: Counts, ngram: readonly number[]): number {
  const newestFirst = [...ngram].reverse();
  return counts.of(newestFirst.reduce(extendA, EMPTY_A), newestFirst.reduce(extendB, EMPTY_B));
}

function storesOf(seed: number): Stores {
  return {
    corpus: counted(randomTokens(400, seed), 3),
    repository: counted(randomTokens(100, seed + 1), 4),
    file: counted(randomTokens(30, seed + 2), 4),
  };
}

test("counts are those of a walk over the text, also after the table has grown", () => {
  const tokens = randomTokens(500, 1);
  const counts = counted(tokens, 3);
  for (const length of [1, 2, 3]) {
    const expected = new Map<string, number>();
    for (let i = 0; i + length <= tokens.length; i++) {
      const key = tokens.slice(i, i + length).join();
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
    for (const [key, times] of expected)
      assert.equal(countOf(counts, key.split(",").map(Number)), times, key);
  }
  assert.equal(countOf(counts, [VOCAB, VOCAB]), 0);
});

test("no n-gram reaches over the beginning of a text", () => {
  const counts = counted([1, 2], 3);
  counts.beginText();
  counts.push(3);
  assert.equal(countOf(counts, [2, 3]), 0);
  assert.equal(countOf(counts, [3]), 1);
});

test("a distribution sums to one and is the probability of each token", () => {
  const stores = storesOf(3);
  const context = randomTokens(30, 5);
  const p = distribution(stores, evenWeights(), context, VOCAB);
  const total = p.reduce((sum, x) => sum + x, 0);
  // Of the corpus and the repository, the end of the text was followed by nothing.
  assert.ok(Math.abs(total - 1) < 0.02, `${total}`);
  for (const [token, value] of p.entries()) {
    assert.ok(
      Math.abs(value - probability(evidenceOf(stores, context, token), evenWeights(), VOCAB)) < 1e-12,
    );
  }
});

test("the file's own last tokens are followed by nothing yet", () => {
  const empty = new Counts(4);
  const stores = { corpus: empty, repository: empty, file: counted([1, 2, 3, 1, 2], 4) };
  const p = distribution(stores, evenWeights(), [1, 2, 3, 1, 2], VOCAB);
  assert.ok((p[3] ?? 0) > 0.75, "3 followed 1 2, each time that anything did");
  assert.ok(Math.abs(p.reduce((sum, x) => sum + x, 0) - 1) < 1e-12);
});

test("fitted weights make a text more probable", () => {
  const stores = storesOf(9);
  const text = randomTokens(300, 12);
  const evidence = text.slice(4).map((token, i) => evidenceOf(stores, text.slice(i, i + 4), token));
  const bits = (weights: ReturnType<typeof evenWeights>): number =>
    evidence.reduce((sum, one) => sum - Math.log2(probability(one, weights, VOCAB)), 0);
  assert.ok(bits(fitWeights(evidence, VOCAB)) < bits(evenWeights()));
});
