/** A model through the addon: loading, advancing, scoring, generating, storing. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { addon, advance, goldenPath, loadTiny, logProbs, type NativeState, someTokens } from "./addon.ts";

const completion = { priority: "completion" } as const;
const greedy = {
  ...completion,
  maxTokens: 24,
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
} as const;

test("a loaded model tells what it is", async () => {
  const model = await addon.loadModel(goldenPath("tiny-int8"), { threads: 2 });
  const { hash, ...info } = model.info as unknown as Record<string, unknown>;
  assert.match(String(hash), /^[0-9a-f]{32}$/);
  assert.equal(info.cpuLevel, addon.cpuLevel());
  assert.deepEqual(
    { ...info, cpuLevel: "", weightBytes: 0 },
    {
      family: "stateline",
      layerKinds: { recurrent: 2, attention: 2 },
      vocabSize: 101,
      hiddenSize: 48,
      layers: 2,
      heads: 4,
      parameters: 49960,
      weightBytes: 0,
      sharesWeights: false,
      quantization: "int8",
      defaultHybridRatio: 0.75,
      attentionWindow: 45,
      threads: 2,
      cpuLevel: "",
      device: "cpu",
    },
  );
  assert.ok(Object.isFrozen(model.info));
  model.dispose();
});

test("a file that is missing or cut off is refused with one sentence", async () => {
  const directory = mkdtempSync(join(tmpdir(), "stateline-"));
  try {
    await assert.rejects(addon.loadModel(directory, { threads: 1 }), {
      code: "INVALID_MODEL",
      message: /config\.json: cannot be opened .*; check the path or download the model again\.$/,
    });
    cpSync(goldenPath("tiny-f32"), directory, { recursive: true });
    truncateSync(join(directory, "model.safetensors"), 100_000);
    await assert.rejects(addon.loadModel(directory, { threads: 1 }), {
      code: "INVALID_MODEL",
      message: /model\.safetensors: .*cut off\?\); download the model again/,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("advance, logits, score and generate agree with each other", async () => {
  const model = await loadTiny();
  const tokens = someTokens(100, model.info.vocabSize);
  for (let stateHeads = 0; stateHeads <= model.info.heads; stateHeads += 1) {
    const start = await advance(model, model.initialState(stateHeads, 32), tokens);
    assert.equal(start.tokenCount, 100);
    assert.equal(start.stateHeads, stateHeads);
    assert.equal(start.kvBytes > 0, stateHeads < model.info.heads);
    const generated = await model.generate(start, greedy);
    assert.equal(generated.reason, "length");
    assert.equal(generated.tokens.length, 24);
    const after = await logProbs(model, start);
    assert.equal(after.length, model.info.vocabSize);
    assert.ok(Math.abs(after.reduce((all, logProb) => all + Math.exp(logProb), 0) - 1) < 1e-4);
    assert.equal(generated.tokens[0], after.indexOf(Math.max(...after)));
    const scored = await model.score(start, generated.tokens, completion);
    scored.logProbs.forEach((logProb, i) => {
      assert.ok(Math.abs(logProb - (generated.logProbs[i] ?? Number.NaN)) < 1e-3);
    });
    assert.equal(scored.state.tokenCount, generated.state.tokenCount);
  }
  model.dispose();
});

test("the first token of an empty state has no probability", async () => {
  const model = await loadTiny();
  const { logProbs } = await model.score(model.initialState(4, 0), Int32Array.of(1, 2), completion);
  assert.ok(Number.isNaN(logProbs[0]));
  assert.ok((logProbs[1] ?? 1) < 0);
  model.dispose();
});

test("checkpoints come in order, each a state of its own", async () => {
  const model = await loadTiny();
  const tokens = someTokens(300, model.info.vocabSize);
  const states = await model.advance(model.initialState(3, 0), tokens, {
    ...completion,
    checkpoints: [10, 257, 299, 300],
  });
  assert.deepEqual(
    states.map((state) => state.tokenCount),
    [10, 257, 299, 300],
  );
  const [first, ...rest] = states as [NativeState, ...NativeState[]];
  for (const state of rest) state.dispose();
  const [again] = (await model.advance(first, tokens.subarray(10), completion)) as [NativeState];
  const [whole] = (await model.advance(model.initialState(3, 0), tokens, completion)) as [NativeState];
  const expected = await logProbs(model, whole);
  (await logProbs(model, again)).forEach((logit, i) => {
    assert.ok(Math.abs(logit - (expected[i] ?? 0)) < 1e-4);
  });
  model.dispose();
});

test("stop tokens, allowed first tokens and seeds steer generation", async () => {
  const model = await loadTiny();
  const start = await advance(model, model.initialState(2, 0), someTokens(20, model.info.vocabSize));
  const free = await model.generate(start, greedy);
  const stop = free.tokens[5] ?? 0;
  const stopped = await model.generate(start, { ...greedy, stopTokens: Int32Array.of(stop) });
  assert.equal(stopped.reason, "stop");
  assert.equal(stopped.tokens.at(-1), stop);
  assert.equal(stopped.state.tokenCount, start.tokenCount + stopped.tokens.length - 1);
  const least = (free.logProbs[0] ?? 0) - 1e-4;
  const unlikely = await model.generate(start, { ...greedy, leastLogProb: least });
  assert.equal(unlikely.reason, "unlikely");
  assert.deepEqual(unlikely.tokens, free.tokens.slice(0, 2));
  assert.equal(unlikely.state.tokenCount, start.tokenCount + 1);
  const late = await model.generate(start, { ...greedy, mostMs: 0 });
  assert.deepEqual([late.reason, late.tokens.length], ["length", 1]);
  const healed = await model.generate(start, { ...greedy, firstTokens: Int32Array.of(7, 8) });
  assert.ok(healed.tokens[0] === 7 || healed.tokens[0] === 8);
  const sum = (values: Float32Array) => values.reduce((a, b) => a + b, 0);
  const found = await model.generate(start, { ...greedy, stopTokens: Int32Array.of(stop), beam: 4 });
  assert.equal(found.reason, "stop");
  assert.equal(found.tokens.at(-1), stop);
  assert.ok(sum(found.logProbs) >= sum(stopped.logProbs));
  assert.ok(found.alternatives.length < 4);
  const bestFirst = [found, ...found.alternatives].map(({ logProbs }) => sum(logProbs));
  assert.deepEqual(
    bestFirst,
    bestFirst.toSorted((a, b) => b - a),
  );
  for (const { tokens, reason } of found.alternatives) {
    assert.equal(reason, "stop");
    assert.equal(tokens.at(-1), stop);
  }
  assert.deepEqual(free.alternatives, []);
  await assert.rejects(model.generate(start, { ...greedy, beam: 33 }), /options\.beam/);
  const sampled = (seed: number) => model.generate(start, { ...greedy, temperature: 1, topP: 0.9, seed });
  assert.deepEqual((await sampled(3)).tokens, (await sampled(3)).tokens);
  assert.notDeepEqual((await sampled(3)).tokens, (await sampled(4)).tokens);
  model.dispose();
});

test("a stored state comes back, and only into its own model, and only whole", async () => {
  const model = await loadTiny();
  const other = await addon.loadModel(goldenPath("tiny-shuffled-f32"), { threads: 1 });
  const state = await advance(model, model.initialState(2, 64), someTokens(200, model.info.vocabSize));
  const bytes = await model.serialize(state);
  const twin = await model.restore(bytes);
  assert.deepEqual(await logProbs(model, twin), await logProbs(model, state));
  assert.deepEqual(await model.serialize(twin), bytes);
  await assert.rejects(other.restore(bytes), { code: "INVALID_STATE", message: /belongs to another model/ });
  await assert.rejects(model.restore(bytes.subarray(0, -1)), { code: "INVALID_STATE" });
  await assert.rejects(model.restore(new Uint8Array()), { code: "INVALID_STATE" });
  const corrupt = bytes.slice();
  corrupt[corrupt.length >> 1] = (corrupt[corrupt.length >> 1] ?? 0) ^ 1;
  await assert.rejects(model.restore(corrupt), { code: "INVALID_STATE", message: /is corrupt/ });
  model.dispose();
  other.dispose();
});

test("a state of another load of the same model is welcome, of another model not", async () => {
  const [model, twin] = await Promise.all([loadTiny(1), loadTiny(2)]);
  const other = await addon.loadModel(goldenPath("tiny-shuffled-f32"), { threads: 1 });
  const state = await advance(model, model.initialState(2, 64), Int32Array.of(1, 2, 3));
  assert.deepEqual(await logProbs(twin, state), await logProbs(model, state));
  await assert.rejects(logProbs(other, state), { code: "INVALID_ARGUMENT", message: /another model/ });
  for (const each of [model, twin, other]) each.dispose();
});

test("at ratio 1 a state weighs the same after 1 k and 200 k tokens", async () => {
  const model = await loadTiny(2);
  const early = await advance(model, model.initialState(4, 0), someTokens(1000, model.info.vocabSize));
  const late = await advance(model, early, someTokens(199_000, model.info.vocabSize));
  assert.equal(late.tokenCount, 200_000);
  assert.equal(late.stateBytes, early.stateBytes);
  assert.equal(late.kvBytes, 0);
  assert.equal((await model.serialize(late)).length, (await model.serialize(early)).length);
  model.dispose();
});

test("what states hold together is counted, what they share once, and let go when they are disposed of", async () => {
  const model = await loadTiny(1);
  assert.equal(model.heldBytes, 0);
  const start = model.initialState(2, 0);
  const state = await advance(model, start, someTokens(64, model.info.vocabSize));
  const alone = model.heldBytes;
  // Beside its memory each keeps the last token's hidden row, 48 floats.
  assert.equal(alone, start.stateBytes + state.stateBytes + start.kvBytes + state.kvBytes + 2 * 4 * 48);
  const next = await advance(model, state, someTokens(1, model.info.vocabSize));
  assert.ok(model.heldBytes < alone + next.stateBytes + next.kvBytes, "pages are shared");
  for (const each of [start, state, next]) each.dispose();
  assert.equal(model.heldBytes, 0);
  model.dispose();
});
