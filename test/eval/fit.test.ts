import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  type Evidence,
  evidenceFor,
  type Facts,
  GATE_FEATURES,
  LEVELS,
  likeliestOf,
} from "../../scripts/eval/fit/evidence.ts";
import { fittedGates, mixedProbability } from "../../scripts/eval/fit/gates.ts";
import { correctedLoss, fittedNetwork, mixed, type Network } from "../../scripts/eval/fit/network.ts";
import { headerText, recallPath, weightsOf } from "../../scripts/eval/fit/weights.ts";
import { randomSource } from "../../scripts/eval/random.ts";
import type { Matches } from "../../server/engine/engine.ts";
import { TOKEN_KINDS } from "../../server/engine/tokenKinds.ts";

const random = randomSource(1);
const VOCAB = 40;

function matches(count: number): Matches {
  const some = (most: number) => Int32Array.from({ length: count }, () => Math.floor(random() * most));
  return {
    next: some(VOCAB / 4),
    length: some(20).map((length) => length + 1),
    weight: Float32Array.from(some(9), (w) => w + 1),
    alignment: Float32Array.from(some(9)),
    distance: some(1000),
  };
}

function logProbs(): Float32Array {
  const logits = Float32Array.from({ length: VOCAB }, () => 3 * random());
  const norm = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
  return logits.map((x) => x - norm);
}

const facts = (): Facts => ({
  kinds: Uint8Array.from({ length: VOCAB }, (_, i) => i % TOKEN_KINDS.length),
  before: Math.floor(random() * VOCAB),
  frequencies: (tokens) => Float32Array.from(tokens, () => -9 * random()),
});
const evidence = (token: number): Evidence =>
  evidenceFor(token, { kRepository: matches(12), kContext: matches(5) }, logProbs(), facts());
const all = Array.from({ length: 60 }, (_, i) => evidence(i % VOCAB));
const randomWeights = (length: number) => Float64Array.from({ length }, () => random() - 0.5);
const gates = randomWeights(LEVELS.length * GATE_FEATURES);

function checkGradient(
  loss: (weights: Float64Array) => number,
  gradient: Float64Array,
  weights: Float64Array,
): void {
  const step = 1e-5;
  for (let j = 0; j < weights.length; j += 7) {
    const moved = (by: number) => loss(weights.map((w, i) => (i === j ? w + by : w)));
    const slope = (moved(step) - moved(-step)) / (2 * step);
    assert.ok(Math.abs(slope - (gradient[j] ?? 0)) < 1e-4, `weight ${j}: ${slope}, not ${gradient[j]}`);
  }
}

test("a model's likeliest tokens are those of a sort, also of equals", () => {
  const random = randomSource(3);
  for (const size of [1, 15, 16, 17, 500]) {
    const logProbs = Float32Array.from({ length: size }, () => -Math.floor(random() * 40));
    const sorted = Array.from(logProbs.keys()).sort((a, b) => (logProbs[b] ?? 0) - (logProbs[a] ?? 0));
    assert.deepEqual(likeliestOf(logProbs), sorted.slice(0, 16));
  }
});

test("the gates' gradient is that of differences", () => {
  for (const one of all.slice(0, 5)) {
    const gradient = new Float64Array(gates.length);
    mixedProbability(one, gates, gradient);
    checkGradient((weights) => -Math.log(mixedProbability(one, weights)), gradient, gates);
  }
});

test("the network's gradient is that of differences, whether the right token is a candidate or not", () => {
  const network: Network = randomWeights(fittedNetwork([]).length).map((w) => w / 4);
  const some = all.map((one) => mixed(one, gates));
  for (const one of [some.find(({ right }) => right >= 0), some.find(({ right }) => right < 0)]) {
    assert.ok(one);
    const gradient = new Float64Array(network.length);
    correctedLoss(one, network, gradient);
    checkGradient((weights) => correctedLoss(one, weights), gradient, network);
  }
});

test("gates and network fit what they are fitted to", () => {
  // The newest match is right.
  const sure = Array.from({ length: 300 }, () => {
    const [kRepository, kContext] = [matches(12), matches(5)];
    return evidenceFor(kContext.next[0] ?? 0, { kRepository, kContext }, logProbs(), facts());
  });
  const loss = (nats: (one: Evidence) => number) =>
    sure.reduce((sum, one) => sum + nats(one), 0) / sure.length;
  const fitted = fittedGates(sure);
  const alone = loss(({ p }) => -Math.log(p));
  const gated = loss((one) => -Math.log(mixedProbability(one, fitted)));
  const network = fittedNetwork(sure.map((one) => mixed(one, fitted)));
  const corrected = loss((one) => correctedLoss(mixed(one, fitted), network));
  assert.ok(gated < alone && corrected < gated, `${alone}, ${gated}, ${corrected}`);
});

test("what is fitted is written as the engine reads it, built in or beside a model", () => {
  const network = randomWeights(fittedNetwork([]).length);
  const weights = weightsOf(gates, network);
  const { outlook, candidate, output } = weights;
  assert.deepEqual([weights.gates.length, weights.gates[3]?.length], [16, 6]);
  assert.deepEqual([outlook.length, candidate.length, output.length], [4 + 7, 12 + 7, 32]);
  assert.equal(weights.gates[1]?.[0], Number(gates[6]?.toFixed(6)));
  assert.equal(weights.outputBias, Number(network.at(-1)?.toFixed(6)));
  // The features are scaled while they are fitted.
  assert.equal(candidate[0]?.[0], Number((0.3 * (network[11 * 32] ?? 0)).toFixed(6)));
  assert.match(headerText({ ...weights, outputBias: 1 }), /kOutputBias = 1\.0f;/);
  assert.equal(recallPath("/models/a.b.gguf"), "/models/a.b.recall.json");
  assert.equal(recallPath("/models/a"), join("/models/a", "recall.json"));
});
