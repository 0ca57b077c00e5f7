import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import type { CompletionRequest } from "../../server/completion/request.ts";
import type { Engine } from "../../server/engine/engine.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import type { MachineState } from "../../server/machineState.ts";
import { Stateline, type StatelineOptions } from "../../server/stateline.ts";
import { FakeClock } from "./fakes/clock.ts";
import { FakeModel, silentLog } from "./fakes/engine.ts";

const tokenizer = await loadTokenizer(EMBEDDED_MODEL_PATH, 4096);

/** A large model that reads so many tokens a second, beside the embedded one; each knows one line. */
async function setUp(t: TestContext, tokensPerSecond: number, options: Partial<StatelineOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "stateline-reserve-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const large = join(folder, "large");
  cpSync(join(EMBEDDED_MODEL_PATH, "tokenizer.json"), join(large, "tokenizer.json"));
  const repository = join(folder, "repository");
  cpSync(large, repository, { recursive: true });
  writeFileSync(join(repository, "b.ts"), "const other = 1;\n");
  const models = new Map<string, FakeModel>();
  const disposed: string[] = [];
  /** Of the large model; a test holds it back. */
  const loading = { gate: Promise.resolve() };
  const engine: Engine = {
    loadModel: async (path) => {
      if (path === large) await loading.gate;
      const model = new FakeModel(tokenizer);
      const known = path === large ? "const value = large();\n" : "const value = small();\n";
      model.script = (text) => (known.startsWith(text) ? known.slice(text.length) : "");
      if (path === large) model.tokensPerSecond = tokensPerSecond;
      model.dispose = () => disposed.push(path);
      models.set(path, model);
      return model;
    },
  };
  const better: CompletionRequest[] = [];
  const stateline = new Stateline({
    settings: { ...DEFAULT_SETTINGS, modelPath: large, triggerDelayMs: 1 },
    folders: [{ path: repository, exclude: [] }],
    storagePath: undefined,
    log: silentLog,
    onStatusChanged: () => undefined,
    onBetter: (request) => better.push(request),
    engine: () => engine,
    ...options,
  });
  t.after(() => stateline.dispose());
  await stateline.start();
  await stateline.settled();
  const uri = pathToFileURL(join(repository, "a.ts")).href;
  const complete = async (text = "const value = ") => {
    const document = { uri, relativePath: "a.ts", languageId: "typescript", text };
    const request = { document, offset: text.length, manual: false, others: [] };
    return (await stateline.complete(request))[0]?.insertText;
  };
  return { stateline, complete, better, large, models, disposed, loading };
}

function held() {
  let release = () => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release: () => release() };
}

test("beside a slow model the embedded one answers first, and the slow one's text takes its place", async (t) => {
  const { complete, better, large, models, stateline } = await setUp(t, 50);
  assert.deepEqual([...models.keys()], [EMBEDDED_MODEL_PATH, large]);
  const { promise, release } = held();
  const slow = models.get(large) ?? assert.fail();
  slow.gate = promise;
  assert.equal(await complete(), "small();");
  release();
  while (better.length === 0) await setImmediate();
  assert.equal(await complete(), "large();");
  assert.match(stateline.status.model, /^large/);
});

test("a model that is quick answers alone", async (t) => {
  const { complete, disposed } = await setUp(t, 5000);
  assert.deepEqual(disposed, [EMBEDDED_MODEL_PATH]);
  assert.equal(await complete(), "large();");
});

test("where a slow model's own text is asked for, nobody answers in its place", async (t) => {
  const { complete, models, large } = await setUp(t, 50, { answersAlone: true });
  assert.equal(await complete(), "large();");
  assert.deepEqual([...models.keys()], [large]);
});

test("with another model the embedded one goes from beside the slow one", async (t) => {
  const { stateline, models, large, disposed } = await setUp(t, 50);
  const beside = models.get(EMBEDDED_MODEL_PATH) ?? assert.fail();
  await stateline.configure({ ...DEFAULT_SETTINGS, modelPath: "" }, []);
  await stateline.settled();
  assert.deepEqual(disposed.sort(), [large, EMBEDDED_MODEL_PATH].sort());
  assert.notEqual(models.get(EMBEDDED_MODEL_PATH), beside);
});

const minutes = (count: number) => count * 60_000;
const AT_EASE: MachineState = { onBattery: false, isMemoryTight: false };

test("a model that nobody asks gives its memory back; at the next key the embedded one answers while it loads", async (t) => {
  const clock = new FakeClock();
  const changes = new EventEmitter();
  const onStatusChanged = () => changes.emit("status");
  const idleClock = { clock, machine: async () => AT_EASE };
  const { stateline, complete, large, disposed, loading } = await setUp(t, 5000, {
    idleClock,
    onStatusChanged,
  });
  assert.equal(await complete(), "large();");
  const rests = once(changes, "status");
  clock.moveTo(minutes(31));
  await rests;
  assert.deepEqual([stateline.status.state, disposed.at(-1)], ["resting", large]);
  assert.match(stateline.status.model, /^large/);
  const { promise, release } = held();
  loading.gate = promise;
  assert.equal(await complete(), "small();");
  assert.equal(stateline.status.state, "loading");
  release();
  await stateline.settled();
  assert.equal(stateline.status.state, "ready");
  assert.equal(await complete(), "large();");
});

test("what the embedded model was writing as a quick one came is written by that", async (t) => {
  const clock = new FakeClock();
  const changes = new EventEmitter();
  const { stateline, complete, models, loading } = await setUp(t, 5000, {
    idleClock: { clock, machine: async () => AT_EASE },
    onStatusChanged: () => changes.emit("status"),
  });
  const rests = once(changes, "status");
  clock.moveTo(minutes(31));
  await rests;
  const loads = held();
  loading.gate = loads.promise;
  assert.equal(await complete(), "small();");
  const embedded = models.get(EMBEDDED_MODEL_PATH) ?? assert.fail();
  const [isAsked, writes] = [held(), held()];
  Object.defineProperty(embedded, "gate", {
    get: () => {
      isAsked.release();
      return writes.promise;
    },
  });
  const answer = complete("const value");
  await isAsked.promise;
  loads.release();
  await stateline.settled();
  writes.release();
  assert.equal(await answer, " = large();");
});

test("what is held stays in memory, and so does the embedded model", async (t) => {
  for (const modelPath of [undefined, ""]) {
    const clock = new FakeClock();
    let asked = 0;
    const machine = async () => {
      asked++;
      return AT_EASE;
    };
    const settings = modelPath === undefined ? {} : { settings: DEFAULT_SETTINGS };
    const { stateline } = await setUp(t, 5000, { idleClock: { clock, machine }, ...settings });
    const held = modelPath === undefined ? stateline.hold() : undefined;
    clock.moveTo(minutes(31));
    await setImmediate();
    assert.equal(stateline.status.state, "ready");
    assert.equal(asked > 0, held === undefined);
    held?.[Symbol.dispose]();
  }
});
