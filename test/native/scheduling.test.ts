/** Jobs through the addon: urgency, cancellation, disposal, and an event loop that is never held up. */
import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { addon, advance, loadTiny, type NativeModel, someTokens } from "./addon.ts";

const completion = { priority: "completion" } as const;
const background = { priority: "background" } as const;
const generation = {
  ...completion,
  maxTokens: 16,
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
} as const;

/** Tokens of background work that take far longer than a completion: minutes of them are cancelled. */
const longText = (model: NativeModel) => someTokens(5_000_000, model.info.vocabSize);

test("a completion overtakes a long background advance", async () => {
  const model = await loadTiny();
  const cancellation = new addon.Cancellation();
  const order: string[] = [];
  const empty = model.initialState(3, 256);
  const slow = model
    .advance(empty, longText(model), { ...background, cancellation })
    .catch((error: { code: string }) => order.push(error.code));
  const state = await advance(model, empty, Int32Array.of(1, 2, 3));
  await model.generate(state, generation);
  order.push("completed");
  assert.equal(cancellation.cancelled, false);
  cancellation.cancel();
  assert.equal(cancellation.cancelled, true);
  await slow;
  assert.deepEqual(order, ["completed", "CANCELLED"]);
  model.dispose();
});

test("every kind of job is cancelled within one chunk", async () => {
  const model = await loadTiny();
  const state = await advance(model, model.initialState(4, 0), Int32Array.of(1, 2, 3));
  const jobs = {
    advance: (cancellation: InstanceType<typeof addon.Cancellation>) =>
      model.advance(state, longText(model), { ...completion, cancellation }),
    score: (cancellation: InstanceType<typeof addon.Cancellation>) =>
      model.score(state, longText(model), { ...completion, cancellation }),
    generate: (cancellation: InstanceType<typeof addon.Cancellation>) =>
      model.generate(state, { ...generation, maxTokens: 10_000_000, cancellation }),
  };
  for (const [name, start] of Object.entries(jobs)) {
    const cancellation = new addon.Cancellation();
    const job = start(cancellation);
    // A turn of the event loop, so that the job may have begun.
    await new Promise(setImmediate);
    cancellation.cancel();
    await assert.rejects(job, { code: "CANCELLED", message: /cancelled/ }, name);
  }
  const cancelled = new addon.Cancellation();
  cancelled.cancel();
  await assert.rejects(model.advance(state, Int32Array.of(1), { ...completion, cancellation: cancelled }), {
    code: "CANCELLED",
  });
  model.dispose();
});

test("many requests at once give what each gives alone", async () => {
  const model = await loadTiny(2);
  const empty = model.initialState(2, 64);
  const texts = Array.from({ length: 12 }, (_, i) => someTokens(50 + 37 * i, model.info.vocabSize, i + 1));
  const one = async (tokens: Int32Array, i: number) => {
    const priority = i % 3 === 0 ? "background" : "completion";
    const state = await advance(model, empty, tokens, { priority });
    return (await model.generate(state, { ...generation, priority })).tokens;
  };
  const together = await Promise.all(texts.map(one));
  for (const [i, tokens] of texts.entries()) assert.deepEqual(await one(tokens, i), together[i]);
  model.dispose();
});

test("dispose rejects what is pending and refuses what comes later", async () => {
  const model = await loadTiny();
  const state = await advance(model, model.initialState(4, 0), Int32Array.of(1, 2, 3));
  const running = model.advance(state, longText(model), background);
  const waiting = model.generate(state, { ...generation, ...background });
  const settled = Promise.allSettled([running, waiting]);
  model.dispose();
  model.dispose();
  for (const result of await settled) {
    assert.equal(result.status, "rejected");
    assert.equal((result.reason as { code: string }).code, "CANCELLED");
  }
  assert.throws(() => model.initialState(4, 0), { code: "DISPOSED" });
  await assert.rejects(model.logProbs([state], completion), { code: "DISPOSED" });
  await assert.rejects(model.advance(state, Int32Array.of(1), completion), { code: "DISPOSED" });
  await assert.rejects(model.serialize(state), { code: "DISPOSED" });
  assert.equal(state.tokenCount, 3); // states outlive their model
  state.dispose();
});

test("a state may be disposed while a job runs on it, and is of no use afterwards", async () => {
  const model = await loadTiny();
  const state = await advance(model, model.initialState(2, 0), someTokens(100, model.info.vocabSize));
  const job = model.generate(state, generation);
  state.dispose();
  state.dispose();
  assert.equal((await job).tokens.length, 16);
  assert.throws(() => state.tokenCount, { code: "DISPOSED" });
  await assert.rejects(model.generate(state, generation), { code: "DISPOSED" });
  model.dispose();
});

test("the event loop goes on during a long advance", async () => {
  const model = await loadTiny(2);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
  }, 5);
  const begin = performance.now();
  await advance(model, model.initialState(3, 2048), someTokens(50_000, model.info.vocabSize), background);
  const elapsed = performance.now() - begin;
  clearInterval(ticking);
  delay.disable();
  // Far below a chunk's worth of the old kind of blocking, far above a loaded machine's jitter.
  const longest = delay.max / 1e6;
  console.log(
    `50 k tokens in ${elapsed.toFixed(0)} ms, ${ticks} ticks, longest delay ${longest.toFixed(1)} ms`,
  );
  assert.ok(longest < Math.max(100, elapsed / 4), `the event loop was held up for ${longest} ms`);
  assert.ok(ticks > 3);
  model.dispose();
});
