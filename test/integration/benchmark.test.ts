/** The measurements over LSP: progress, partial results, cancellation, bad arguments, and completions meanwhile. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CancellationTokenSource } from "vscode-jsonrpc/node";
import type {
  BenchmarkAnswer,
  BenchmarkRun,
  MeasuredPoint,
  RatioAdvice,
  RatioFigures,
} from "../../protocol/benchmark.ts";
import type { DashboardData } from "../../protocol/dashboard.ts";
import { Client } from "./client.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

const root = temporaryFolder(program(8));
const storagePath = temporaryFolder();
let client: Client;

before(async () => {
  client = await Client.startReady({ folders: [root], storagePath, settings: { triggerDelayMs: 1 } });
});
after(async () => {
  await client.stop();
  remove(root, storagePath);
});

function valuesOf<Value>(token: string): Value[] {
  return client.values.filter((one) => one.token === token).map(({ value }) => value as Value);
}

function dashboard(): Promise<DashboardData> {
  return client.connection.sendRequest("stateline/dashboard");
}

test("a start of the server loads nothing of what measures it", () => {
  const dist = new URL("../../dist/", import.meta.url);
  const texts = readdirSync(dist)
    .filter((name) => /^server.*\.cjs$/.test(name))
    .map((name) => [name, readFileSync(new URL(name, dist), "utf8")] as const);
  const measuring = texts.filter(([, text]) => text.includes("Measuring state against attention"));
  assert.equal(measuring.length, 1);
  const [name = ""] = measuring[0] ?? [];
  assert.notEqual(name, "server.cjs");
  for (const [other, text] of texts) {
    const loads = text.split(`require("./${name}")`).length - 1;
    const whenAsked =
      text.match(new RegExp(`then\\(\\(?\\)?=>[^;]{0,20}require\\("\\./${name}"\\)`, "g"))?.length ?? 0;
    assert.equal(loads, whenAsked, `${other} loads ${name} at once`);
  }
});

test("the benchmark reports, sends each point as it is measured, and is kept", async () => {
  const params = { contexts: [128, 512], workDoneToken: "work", partialResultToken: "points" };
  const { run, pagePath }: BenchmarkAnswer = await client.connection.sendRequest(
    "stateline/benchmark",
    params,
  );
  const work = valuesOf<{ kind: string; percentage?: number }>("work");
  assert.deepEqual([work[0]?.kind, work.at(-1)?.kind], ["begin", "end"]);
  assert.ok(work.some(({ kind, percentage = 0 }) => kind === "report" && percentage > 0));
  const points = valuesOf<MeasuredPoint>("points");
  assert.deepEqual(
    points.map(({ mode, point }) => [mode, point.contextTokens]),
    [128, 512].flatMap((tokens) => ["state", "attention", "chosen"].map((mode) => [mode, tokens])),
  );
  const [state, attention] = run.series;
  assert.equal(new Set(state?.points.map(({ stateBytes, kvBytes }) => stateBytes + kvBytes)).size, 1);
  assert.ok((attention?.points[1]?.kvBytes ?? 0) > 3 * (attention?.points[0]?.kvBytes ?? 0));
  assert.ok(run.model.parameters > 1e6 && run.machine.logicalCores > 0);
  assert.ok(pagePath && existsSync(pagePath) && pagePath.startsWith(join(storagePath, "benchmarks")));
  const saved: BenchmarkRun[] = await client.connection.sendRequest("stateline/savedBenchmarks");
  assert.deepEqual(saved, [run]);
});

test("completions are answered while it runs, a second one is refused, and it is cancelled", async () => {
  const cancellation = new CancellationTokenSource();
  const params = { contexts: [64, 1_000_000], workDoneToken: "long", partialResultToken: "long points" };
  const running = client.connection.sendRequest("stateline/benchmark", params, cancellation.token);
  running.catch(() => undefined);
  await client.until(() => valuesOf("long points").length > 0);
  await assert.rejects(
    client.connection.sendRequest("stateline/ratios", {}),
    /Another measurement is running/,
  );
  await client.open("file:///a.ts", "const a = ");
  await client.complete("file:///a.ts", { line: 0, character: 10 }, { manual: true });
  assert.ok((await client.figures()).tokensDecoded > 0);
  cancellation.cancel();
  await assert.rejects(running, /cancelled/);
  assert.equal(valuesOf<{ kind: string }>("long").at(-1)?.kind, "end");
  const files = readdirSync(join(storagePath, "benchmarks"));
  assert.equal(files.length, 2, "a cancelled run is not kept");
});

test("a run of another machine is kept beside those measured here; what is no run is refused", async () => {
  const [here]: BenchmarkRun[] = await client.connection.sendRequest("stateline/savedBenchmarks");
  assert.ok(here);
  const elsewhere = {
    ...here,
    date: "2026-01-01T00:00:00.000Z",
    machine: { ...here.machine, cpu: "Other CPU" },
  };
  const text = JSON.stringify(elsewhere);
  assert.deepEqual(await client.connection.sendRequest("stateline/addBenchmark", { text }), elsewhere);
  assert.deepEqual(await client.connection.sendRequest("stateline/savedBenchmarks"), [here, elsewhere]);
  for (const params of [{ text: "{}" }, { text: 1 }, {}]) {
    await assert.rejects(
      client.connection.sendRequest("stateline/addBenchmark", params),
      /holds no benchmark/,
    );
  }
});

const bad: readonly [string, unknown, RegExp][] = [
  ["stateline/benchmark", { contexts: [0] }, /contexts/],
  ["stateline/benchmark", { contexts: [512, 128] }, /rising/],
  ["stateline/benchmark", { timeLimitSeconds: "long" }, /time limit/],
  ["stateline/benchmark", { memoryLimitBytes: -1 }, /memory limit/],
  ["stateline/ratios", { latencyBudgetMs: -1 }, /latency budget/],
];
for (const [method, params, message] of bad) {
  test(`${method} with ${JSON.stringify(params)} is refused with a sentence`, async () => {
    await assert.rejects(client.connection.sendRequest(method, params), message);
  });
}

test("the dashboard's figures add up", async () => {
  const { memory, attention, latency, heads, wantedRatio, status, decoding } = await dashboard();
  assert.ok(Number.isInteger(heads * Number(wantedRatio)));
  assert.equal(wantedRatio, status.hybridRatio);
  assert.equal(status.state, "ready");
  assert.ok(
    memory.weightBytes > 1e6 && memory.recallBytes > 0 && memory.checkpointBytes > 0,
    JSON.stringify(memory),
  );
  assert.equal(memory.stateBytes, status.stateBytes);
  assert.ok(attention.contextTokens >= status.stateTokens && attention.bytes > 1000 * status.stateTokens);
  assert.ok(latency.count > 0 && latency.p50Ms <= latency.p95Ms && latency.p95Ms <= latency.maxMs);
  assert.ok(decoding.length > 0);
});

test("the best ratio is one of those that were measured, and is explained", async () => {
  const params = { latencyBudgetMs: 60_000, workDoneToken: "ratios", partialResultToken: "figures" };
  const { heads } = await dashboard();
  const advice: RatioAdvice = await client.connection.sendRequest("stateline/ratios", params);
  const sent = valuesOf<RatioFigures>("figures");
  assert.deepEqual(sent, advice.figures);
  assert.deepEqual(
    sent.map(({ hybridRatio }) => hybridRatio),
    Array.from({ length: heads + 1 }, (_, i) => (heads - i) / heads),
  );
  for (const { bitsPerByte, completionMs } of sent) {
    assert.ok(bitsPerByte > 0.01 && bitsPerByte < 8 && completionMs > 0);
  }
  const best = sent.find(({ hybridRatio }) => hybridRatio === advice.best);
  assert.ok(best && best.bitsPerByte <= Math.min(...sent.map(({ bitsPerByte }) => bitsPerByte)) + 0.005);
  assert.match(advice.explanation, /bits a byte on a sample of this repository/);
});

test("a changed ratio answers from the old state until the new one is read, and what changed is measured", async () => {
  const before = client.status?.hybridRatio;
  assert.ok(typeof before === "number" && before < 1, "the model's default keeps some attention");
  await client.setSettings({ triggerDelayMs: 1, hybridRatio: 1 });
  const during = client.statuses.find(({ state }) => state === "reading")?.hybridRatio;
  assert.ok(during === before || client.status?.hybridRatio === 1);
  await client.until(() => client.log.some((line) => line.startsWith(`Hybrid ratio ${before} -> 1, state`)));
  const { ratioChange, wantedRatio, status } = await dashboard();
  assert.deepEqual([wantedRatio, status.hybridRatio], [1, 1]);
  assert.deepEqual([ratioChange?.from.hybridRatio, ratioChange?.to.hybridRatio], [before, 1]);
  assert.equal(ratioChange?.to.kvBytes, 0);
  assert.ok((ratioChange?.from.kvBytes ?? 0) > 0);
});
