/** The addon's models on a GPU: the emulated one, since the road is the same; and what is said where there is none. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { DeviceError } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { addonPath, EMULATED, emulated, goldenPath, someTokens } from "./addon.ts";

const BUILT = join(dirname(addonPath), "stateline_cuda.so");
const built = existsSync(BUILT) ? {} : { skip: "the CUDA library is not built; see ./dev build --cuda" };

const completion = { priority: "completion" } as const;
const greedy = {
  ...completion,
  maxTokens: 6,
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
};

test("a model on a GPU reads, generates and stores what the processor takes over", emulated, async () => {
  const engine = loadNativeEngine(addonPath, EMULATED);
  const [gpu, cpu] = await Promise.all(
    (["cuda:0", "cpu"] as const).map((device) =>
      engine.loadModel(goldenPath("tiny-f32"), { threads: 1, device }),
    ),
  );
  assert.ok(gpu && cpu);
  assert.equal(gpu.info.device, "cuda:0 (emulated on the processor)");
  assert.equal(cpu.info.device, "cpu");
  const tokens = someTokens(70, gpu.info.vocabSize);
  const [state] = await gpu.advance(gpu.initialState(2, 0), tokens, completion);
  const [expected] = await cpu.advance(cpu.initialState(2, 0), tokens, completion);
  assert.ok(state && expected);
  // Keys and values take half the bytes, and all of it is counted.
  assert.ok(state.kvBytes < 0.6 * expected.kvBytes && gpu.heldBytes >= state.kvBytes + state.stateBytes);
  const { tokens: written } = await gpu.generate(state, greedy);
  assert.deepEqual([...written], [...(await cpu.generate(expected, greedy)).tokens]);
  const moved = await cpu.restore(await gpu.serialize(state));
  assert.deepEqual([...(await cpu.generate(moved, greedy)).tokens], [...written]);
  await assert.rejects(cpu.logProbs([state], { priority: "completion" }), /the state lies on another device/);
  for (const each of [state, moved, expected, gpu, cpu]) each.dispose();
});

test("a GPU that is not there is refused with a sentence", emulated, async () => {
  const failures: DeviceError[] = [];
  await assert.rejects(
    loadNativeEngine(addonPath, EMULATED).loadModel(goldenPath("tiny-f32"), {
      ...{ threads: 1, device: "cuda:1" },
      onDeviceFailed: (error) => failures.push(error),
    }),
    (error) =>
      error instanceof DeviceError &&
      error.message === "There is no GPU number 1; this machine has 1, numbered from 0.",
  );
  assert.deepEqual(failures, []);
});

test("a package without the library says so", async () => {
  await assert.rejects(
    loadNativeEngine(addonPath, "/nowhere/stateline_cuda.so").loadModel(goldenPath("tiny-f32"), {
      ...{ threads: 1, device: "cuda:0" },
    }),
    {
      message:
        "This package has no CUDA library (/nowhere/stateline_cuda.so); build one with ./dev build --cuda.",
    },
  );
});

test("the library that nvcc made loads, with or without a driver", built, async () => {
  const engine = loadNativeEngine(addonPath, BUILT);
  const load = engine.loadModel(goldenPath("tiny-f32"), { threads: 1, device: "cuda:0" });
  if (existsSync("/proc/driver/nvidia")) return (await load).dispose();
  await assert.rejects(load, {
    name: "DeviceError",
    message: "No NVIDIA driver answers on this machine; install one to use its GPU.",
  });
});
