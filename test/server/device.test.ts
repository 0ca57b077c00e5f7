/** Where a model runs: the wanted GPU, or the processor with one sentence, at the start and in the middle of work. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DEFAULT_SETTINGS, type Settings, validateSettings } from "../../protocol/settings.ts";
import { describeDevice, loadOnDevice } from "../../server/engine/device.ts";
import { DeviceError, type Engine, EngineError, type LoadOptions } from "../../server/engine/engine.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { Stateline } from "../../server/stateline.ts";
import { FakeModel, silentLog } from "./fakes/engine.ts";

const tokenizer = await loadTokenizer(EMBEDDED_MODEL_PATH, 4096);
const FULL = "The memory of the GPU Fake is full.";

const modelOn = (device: string): FakeModel => new FakeModel(tokenizer, device);

/** A machine with one GPU, or with one that `refusal` speaks of. */
class Machine implements Engine {
  readonly loads: LoadOptions[] = [];
  readonly refusal: Error | undefined;

  constructor(refusal?: Error) {
    this.refusal = refusal;
  }

  async loadModel(_: string, options: LoadOptions) {
    this.loads.push(options);
    const device = options.device ?? "cpu";
    if (device === "cpu") return modelOn("cpu");
    if (this.refusal) throw this.refusal;
    return modelOn(`${device} (Fake)`);
  }
}

async function load(machine: Machine, setting: Settings["device"]) {
  const told: [string, boolean][] = [];
  const model = await loadOnDevice(machine, "model", {
    setting,
    threads: 1,
    packedFolder: "packed",
    onUnusable: ({ message }, asked) => told.push([message, asked]),
  });
  return { device: model.info.device, told };
}

test("auto is the first GPU, a GPU that is named is that one, cpu asks for none", async () => {
  assert.deepEqual(await load(new Machine(), "auto"), { device: "cuda:0 (Fake)", told: [] });
  assert.deepEqual(await load(new Machine(), "cuda:3"), { device: "cuda:3 (Fake)", told: [] });
  const machine = new Machine(new DeviceError(FULL));
  assert.deepEqual(await load(machine, "cpu"), { device: "cpu", told: [] });
  assert.equal(machine.loads.length, 1);
});

test("on the processor weights are rounded to 8 bits at most and shared, on a GPU not", async () => {
  const machine = new Machine(new DeviceError(FULL));
  await load(machine, "auto");
  await load(machine, "cpu");
  assert.deepEqual(
    machine.loads.map(({ rounding, packedFolder }) => [rounding, packedFolder]),
    [
      [undefined, undefined],
      ["int8", "packed"],
      ["int8", "packed"],
    ],
  );
});

test("a GPU that cannot be used leaves the processor, and whoever named it is told", async () => {
  const machine = () => new Machine(new DeviceError(FULL));
  assert.deepEqual(await load(machine(), "auto"), { device: "cpu", told: [[FULL, false]] });
  assert.deepEqual(await load(machine(), "cuda:0"), { device: "cpu", told: [[FULL, true]] });
});

test("what the processor cannot load either is no matter of devices", async () => {
  const broken = new EngineError("model.safetensors is cut off.");
  await assert.rejects(load(new Machine(broken), "auto"), broken);
});

test("the setting takes auto, cpu and numbered GPUs", () => {
  for (const device of ["auto", "cpu", "cuda:0", "cuda:15"])
    assert.deepEqual(validateSettings({ device }).problems, []);
  for (const device of ["cuda", "cuda:", "cuda:-1", "cuda:1x", "gpu", 0, "cuda:100"]) {
    const { settings, problems } = validateSettings({ device });
    assert.equal(settings.device, "auto");
    assert.match(problems[0] ?? "", /must be "auto", "cpu" or a GPU such as "cuda:0"/);
  }
});

test("the device has a face", () => {
  const { info } = modelOn("cpu");
  assert.equal(describeDevice({ ...info, cpuLevel: "avx2", threads: 1 }), "cpu (avx2, 1 thread)");
  assert.equal(describeDevice({ ...info, cpuLevel: "avx2", threads: 2 }), "cpu (avx2, 2 threads)");
  assert.equal(describeDevice({ ...info, device: "cuda:0 (NVIDIA A100)" }), "cuda:0 (NVIDIA A100)");
});

async function startStateline(t: TestContext, machine: Machine, device: Settings["device"]) {
  const folder = mkdtempSync(join(tmpdir(), "stateline-device-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const problems: string[] = [];
  const stateline = new Stateline({
    settings: { ...DEFAULT_SETTINGS, device },
    folders: [{ path: folder, exclude: [] }],
    storagePath: undefined,
    log: silentLog,
    onStatusChanged: () => undefined,
    onProblem: (sentence) => problems.push(sentence),
    engine: () => machine,
  });
  t.after(() => stateline.dispose());
  await stateline.start();
  await stateline.settled();
  return { stateline, problems, folder };
}

test("a person who names a GPU that cannot be used reads one sentence, and the processor serves", async (t) => {
  const machine = new Machine(new DeviceError(FULL));
  const { stateline, problems } = await startStateline(t, machine, "cuda:0");
  assert.equal(stateline.status.device, "cpu (none, 1 thread)");
  assert.deepEqual(problems, [`${FULL} The model runs on the processor.`]);
});

test("nobody is told of a GPU that auto could not use", async (t) => {
  const { stateline, problems } = await startStateline(t, new Machine(new DeviceError(FULL)), "auto");
  assert.equal(stateline.status.device, "cpu (none, 1 thread)");
  assert.deepEqual(problems, []);
});

test("a GPU that fails at work is left for the processor, until a device is set anew", async (t) => {
  const machine = new Machine();
  const { stateline, problems, folder } = await startStateline(t, machine, "auto");
  assert.equal(stateline.status.device, "cuda:0 (Fake)");
  const [{ onDeviceFailed } = { onDeviceFailed: undefined }] = machine.loads;
  onDeviceFailed?.(new DeviceError("The GPU failed: unspecified launch failure."));
  onDeviceFailed?.(new DeviceError("The GPU failed: unspecified launch failure."));
  await stateline.settled();
  assert.equal(stateline.status.device, "cpu (none, 1 thread)");
  assert.deepEqual(problems, [
    "The GPU failed: unspecified launch failure. The model goes on on the processor.",
  ]);
  await stateline.configure({ ...DEFAULT_SETTINGS, device: "auto", threads: 1 }, [
    { path: folder, exclude: [] },
  ]);
  assert.equal(stateline.status.device, "cpu (none, 1 thread)");
  await stateline.configure({ ...DEFAULT_SETTINGS, device: "cuda:0", threads: 1 }, [
    { path: folder, exclude: [] },
  ]);
  assert.equal(stateline.status.device, "cuda:0 (Fake)");
});
