/** What JavaScript may hand to the addon by mistake: each is refused with a sentence, none crashes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addon, advance, loadTiny, logProbs, type NativeModel, type NativeState } from "./addon.ts";

type Loose = Record<string, (...values: unknown[]) => unknown>;
const completion = { priority: "completion" } as const;
const invalid = { code: "INVALID_ARGUMENT" };

async function withModel(use: (model: NativeModel, state: NativeState) => Promise<void>): Promise<void> {
  const model = await loadTiny();
  await use(model, await advance(model, model.initialState(2, 64), Int32Array.of(1, 2, 3)));
  model.dispose();
}

test("token ids must be in the vocabulary", () =>
  withModel(async (model, state) => {
    for (const id of [-1, 101, 2 ** 31 - 1, -(2 ** 31)]) {
      const message = new RegExp(`tokens\\[1\\] is ${id}, but ids go from 0 to 100`);
      await assert.rejects(model.advance(state, Int32Array.of(0, id), completion), { ...invalid, message });
      await assert.rejects(model.score(state, Int32Array.of(0, id), completion), { ...invalid, message });
    }
  }));

test("arguments of the wrong kind are refused", () =>
  withModel(async (model, state) => {
    const loose = model as unknown as Loose;
    const nonsense: unknown[] = [undefined, null, 1, "x", {}, Symbol("s"), () => 0, new Float32Array(2)];
    for (const value of nonsense) {
      await assert.rejects(async () => loose.advance?.(value, Int32Array.of(1), completion), invalid);
      await assert.rejects(async () => loose.advance?.(state, value, completion), invalid);
      await assert.rejects(async () => loose.advance?.(state, Int32Array.of(1), value), invalid);
      await assert.rejects(async () => loose.generate?.(state, value), invalid);
      await assert.rejects(async () => loose.restore?.(value), invalid);
      await assert.rejects(async () => loose.serialize?.(value), invalid);
      await assert.rejects(async () => loose.logProbs?.(value, completion), invalid);
      await assert.rejects(async () => loose.logProbs?.([value], completion), invalid);
      if (typeof value !== "number") assert.throws(() => loose.initialState?.(value, 0), invalid);
      const options = { priority: "completion", cancellation: value };
      if (value !== undefined)
        await assert.rejects(async () => loose.advance?.(state, Int32Array.of(1), options), invalid);
    }
    const { loadModel } = addon as unknown as { loadModel(...given: unknown[]): Promise<void> };
    await assert.rejects(loadModel(), invalid);
    for (const rounding of [7, "int9", null])
      await assert.rejects(loadModel("/nowhere", { threads: 1, rounding }), invalid);
  }));

test("numbers out of bounds are refused", () =>
  withModel(async (model, state) => {
    for (const heads of [-1, 5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
      assert.throws(() => model.initialState(heads, 0), invalid);
    for (const window of [-1, 0.5, Number.NaN, 2 ** 60])
      assert.throws(() => model.initialState(2, window), invalid);
    const tokens = Int32Array.of(1, 2, 3);
    for (const checkpoints of [[], [1], [3, 1, 3], [4], [1.5, 3], [-1, 3]])
      await assert.rejects(model.advance(state, tokens, { ...completion, checkpoints }), invalid);
    const sound = { ...completion, maxTokens: 1, temperature: 0, topP: 1, seed: 0, stopTokens: tokens };
    for (const wrong of [
      { maxTokens: -1 },
      { maxTokens: Number.NaN },
      { temperature: -1 },
      { temperature: Number.NaN },
      { topP: 0 },
      { topP: 2 },
      { seed: -1 },
      { seed: 0.5 },
      { stopTokens: Int32Array.of(101) },
      { firstTokens: new Int32Array() },
      { firstTokens: Int32Array.of(-1) },
    ])
      await assert.rejects(model.generate(state, { ...sound, ...wrong }), invalid);
    await assert.rejects(model.generate(model.initialState(2, 0), sound), invalid);
    await assert.rejects(model.logProbs([state, model.initialState(2, 0)], completion), invalid);
    assert.deepEqual(await model.logProbs([], completion), []);
    for (const threads of [-1, 65, 1.5])
      await assert.rejects(addon.loadModel("nowhere", { threads }), invalid);
  }));

test("what is recalled is told exactly and mixed in; what is none of ours is refused", () =>
  withModel(async (model, state) => {
    const memory = new addon.Recall(1000, model.info.vocabSize);
    const text = memory.append(Int32Array.of(3, 4, 5, 6, 7, 8, 9, 10));
    memory.push(11);
    const { next, length, weight } = memory.find(Int32Array.of(1, 9, 10));
    assert.deepEqual([...next, ...length], [11, 2]);
    assert.ok((weight[0] ?? 0) > 1); // the 9 before it is the context's
    const options = {
      ...completion,
      maxTokens: 3,
      temperature: 0,
      topP: 1,
      seed: 0,
      stopTokens: new Int32Array(),
    };
    const recall = { memory, context: Int32Array.of(3, 4, 5, 6, 7, 8) };
    const { tokens } = await model.generate(state, { ...options, recall });
    assert.deepEqual([...tokens], [9, 10, 11]);
    memory.forget(text);
    assert.equal(memory.find(Int32Array.of(1, 9, 10)).next.length, 0);
    const context = Int32Array.of(1);
    for (const wrong of [{}, { context: [1] }, { memory: {}, context }, { context, draftTokens: 32 }, 1]) {
      const nonsense = { ...options, recall: wrong } as unknown as typeof options;
      await assert.rejects(async () => model.generate(state, nonsense), invalid);
    }
    const outside = { memory, context: Int32Array.of(101) };
    await assert.rejects(model.score(state, Int32Array.of(1), { ...completion, recall: outside }), invalid);
    for (const size of [-1, 0, 1.5, 2 ** 40]) assert.throws(() => new addon.Recall(1000, size), invalid);
    assert.throws(() => new addon.Recall(-1, 101), invalid);
    for (const kinds of [new Uint8Array(100), new Uint8Array(101).fill(7), [0]] as Uint8Array[])
      assert.throws(() => new addon.Recall(1000, 101, kinds), invalid);
    memory.dispose();
    memory.dispose();
    assert.throws(() => memory.bytes, { code: "DISPOSED" });
    await assert.rejects(model.generate(state, { ...options, recall }), { code: "DISPOSED" });
  }));

test("an exact memory takes ids of its vocabulary alone, and continues only a text that it has", () =>
  withModel(async (model, state) => {
    const memory = new addon.Recall(1000, model.info.vocabSize);
    const text = memory.append(Int32Array.of(1, 2, 3));
    for (const id of [-1, 101, 2 ** 30, 2 ** 31 - 1, -(2 ** 31)]) {
      const message = new RegExp(`\\[1\\] is ${id}, but ids go from 0 to 100\\.$`);
      assert.throws(() => memory.append(Int32Array.of(1, id)), { ...invalid, message });
      assert.throws(() => memory.find(Int32Array.of(1, id)), { ...invalid, message });
      assert.throws(() => memory.push(id), invalid);
      const recall = { memory, context: Int32Array.of(1, id) };
      await assert.rejects(model.score(state, Int32Array.of(1), { ...completion, recall }), {
        ...invalid,
        message,
      });
    }
    // What another model's tokens are would be read beyond this one's probabilities.
    const foreign = { memory: new addon.Recall(1000, 5000), context: Int32Array.of(1) };
    await assert.rejects(model.score(state, Int32Array.of(1), { ...completion, recall: foreign }), {
      ...invalid,
      message: /recall\.memory is of 5000 token ids, but the model has 101/,
    });
    memory.forget(text);
    assert.throws(() => memory.push(4), { ...invalid, message: /was forgotten; append another first/ });
  }));

test("an empty text leaves the state as it is", () =>
  withModel(async (model, state) => {
    const same = await advance(model, state, new Int32Array());
    assert.equal(same.tokenCount, 3);
    assert.deepEqual(await logProbs(model, same), await logProbs(model, state));
  }));

test("the caller may change its array after the call", () =>
  withModel(async (model, state) => {
    const tokens = Int32Array.of(4, 5, 6);
    const job = advance(model, state, tokens);
    tokens.fill(0);
    assert.deepEqual(
      await logProbs(model, await job),
      await logProbs(model, await advance(model, state, Int32Array.of(4, 5, 6))),
    );
  }));

test("impostors of the addon's classes are refused", () =>
  withModel(async (model, state) => {
    const impostor = Object.create(Object.getPrototypeOf(state)) as NativeState;
    await assert.rejects(logProbs(model, impostor), invalid);
    assert.throws(() => impostor.tokenCount);
    const State = state.constructor as new () => NativeState;
    assert.throws(() => new State(), TypeError);
    const Model = model.constructor as new () => NativeModel;
    assert.throws(() => new Model(), TypeError);
  }));
