/** A GPU that is lost in the middle of work: the processor goes on from what was stored. In a process of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceError } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { addonPath, EMULATED, emulated, goldenPath, someTokens } from "./addon.ts";

const LOST = "The GPU failed: unspecified launch failure.";
const completion = { priority: "completion" } as const;
const greedy = { ...completion, temperature: 0, topP: 1, seed: 0, stopTokens: new Int32Array() };

test(
  "a GPU that is lost while it generates says so once a job, and the processor goes on",
  emulated,
  async () => {
    // Enough to load, check, read and decode some dozen tokens.
    process.env.STATELINE_EMULATED_LAUNCHES = "2500";
    const engine = loadNativeEngine(addonPath, EMULATED);
    const failures: DeviceError[] = [];
    const gpu = await engine.loadModel(goldenPath("tiny-f32"), {
      ...{ threads: 1, device: "cuda:0" },
      onDeviceFailed: (error) => failures.push(error),
    });
    const tokens = someTokens(70, gpu.info.vocabSize);
    const [state] = await gpu.advance(gpu.initialState(2, 8), tokens, completion);
    assert.ok(state);
    const stored = await gpu.serialize(state);
    const { tokens: before } = await gpu.generate(state, { ...greedy, maxTokens: 6 });

    const lost = (error: unknown) => error instanceof DeviceError && error.message === LOST;
    await assert.rejects(gpu.generate(state, { ...greedy, maxTokens: 1000 }), lost);
    await assert.rejects(gpu.advance(state, tokens, completion), lost);
    await assert.rejects(gpu.serialize(state), lost);
    assert.equal(failures.length, 3);

    const cpu = await engine.loadModel(goldenPath("tiny-f32"), { threads: 1, device: "cpu" });
    const restored = await cpu.restore(stored);
    assert.deepEqual((await cpu.generate(restored, { ...greedy, maxTokens: 6 })).tokens, before);
    for (const each of [state, restored, gpu, cpu]) each.dispose();
  },
);
