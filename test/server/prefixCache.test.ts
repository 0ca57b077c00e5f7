import assert from "node:assert/strict";
import { test } from "node:test";
import { PrefixCache } from "../../server/completion/prefixCache.ts";
import { FakeModel, FakeState } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const never = new AbortController().signal;
const path = (length: number): number[] => Array.from({ length }, (_, i) => 10 + (i % 200));

async function setUp() {
  const model = new FakeModel(await fakeTokenizer());
  const root = { state: model.initialState(6), generation: 0 };
  return { model, root, cache: new PrefixCache(model) };
}

test("the state is that of the root and all tokens", async () => {
  const { root, cache } = await setUp();
  const { state, tokensAdvanced } = await cache.advance(() => root, path(700), never);
  assert.ok(state instanceof FakeState);
  assert.deepEqual(state.tokens, path(700));
  assert.equal(tokensAdvanced, 700);
});

test("a further token advances one, the same tokens none", async () => {
  const { root, cache } = await setUp();
  await cache.advance(() => root, path(700), never);
  assert.equal((await cache.advance(() => root, path(701), never)).tokensAdvanced, 1);
  assert.equal((await cache.advance(() => root, path(701), never)).tokensAdvanced, 0);
});

test("deleting advances nothing for the last tokens, at most a step before them", async () => {
  const { root, cache } = await setUp();
  await cache.advance(() => root, path(1000), never);
  for (const length of [990, 985, 970, 800, 600]) {
    const { state, tokensAdvanced } = await cache.advance(() => root, path(length), never);
    assert.ok(tokensAdvanced <= (length > 488 ? 32 : 256), `${tokensAdvanced} for ${length}`);
    assert.deepEqual((state as FakeState).tokens, path(length));
  }
});

test("random edits always give the state of exactly these tokens, from few states", async () => {
  const seed = Number(process.env.SEED ?? Date.now());
  console.log(`seed ${seed}`);
  let value = seed % 2147483647 || 1;
  const random = (below: number) => {
    value = (value * 48271) % 2147483647;
    return value % below;
  };
  const { model, root, cache } = await setUp();
  let tokens = path(300);
  for (let round = 0; round < 200; round++) {
    tokens = tokens.slice(0, Math.max(1, tokens.length - random(40)));
    for (let i = random(50); i > 0; i--) tokens.push(10 + random(200));
    const { state } = await cache.advance(() => root, tokens, never);
    assert.deepEqual((state as FakeState).tokens, tokens);
    assert.ok(model.living < 60, `${model.living} states live`);
  }
  cache.dispose();
  assert.equal(model.living, 1);
});

test("what a cancelled request has read is not lost", async () => {
  const { model, root, cache } = await setUp();
  const controller = new AbortController();
  const advance = model.advance.bind(model);
  model.advance = async (...job) => {
    if (model.advanced.length === 3) controller.abort();
    return await advance(...job);
  };
  await assert.rejects(
    cache.advance(() => root, path(2000), controller.signal),
    { name: "Cancelled" },
  );
  assert.equal((await cache.advance(() => root, path(2000), never)).tokensAdvanced, 2000 - 3 * 256);
});

test("a newer repository state waits until the context is read again; another generation does not", async () => {
  const { model, root, cache } = await setUp();
  await cache.advance(() => root, path(700), never);
  const newer = { state: model.initialState(6), generation: 0 };
  root.state.dispose();
  assert.equal((await cache.advance(() => newer, path(702), never)).tokensAdvanced, 2);
  assert.equal((await cache.advance(() => newer, path(300).reverse(), never)).tokensAdvanced, 300);
  const other = { state: model.initialState(2), generation: 1 };
  const { state, tokensAdvanced } = await cache.advance(() => other, path(300).reverse(), never);
  assert.equal(tokensAdvanced, 300);
  assert.equal(state.stateHeads, 2);
});
