import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type BenchmarkRun,
  type MeasuredPoint,
  problemOfBenchmarkParams,
  problemOfRatioParams,
  type RatioFigures,
} from "../../protocol/benchmark.ts";
import { bytes, milliseconds, modeName, tokensShort } from "../../protocol/words.ts";
import { attentionBytesPerToken } from "../../server/engine/attentionCost.ts";
import { Cancelled } from "../../server/engine/engine.ts";
import { adviseRatio } from "../../server/measure/advice.ts";
import { measureAgainstAttention, modesToMeasure } from "../../server/measure/againstAttention.ts";
import { describeMachine } from "../../server/measure/machine.ts";
import { benchmarkPage } from "../../server/measure/markdown.ts";
import { programTokens } from "../../server/measure/program.ts";
import { RatioChanges } from "../../server/measure/ratioChange.ts";
import { measureRatios } from "../../server/measure/ratios.ts";
import { isRun } from "../../server/measure/runShape.ts";
import { RunStore } from "../../server/measure/runStore.ts";
import { SampleError, takeSample } from "../../server/measure/sample.ts";
import { SessionFigures } from "../../server/measure/sessionFigures.ts";
import { FilePolicy } from "../../server/repository/filePolicy.ts";
import { FakeModel, silentLog } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const tokenizer = await fakeTokenizer();

function folder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "stateline-benchmark-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
  return root;
}

async function measure(model: FakeModel, changes: Record<string, unknown> = {}) {
  const points: MeasuredPoint[] = [];
  const shares: number[] = [];
  const series = await measureAgainstAttention(model, {
    modes: modesToMeasure(8, 6, 1024),
    contexts: [64, 128, 6000],
    tokens: new Int32Array(6000).fill(9),
    timeLimitMs: 60_000,
    memoryLimitBytes: 2 ** 40,
    signal: new AbortController().signal,
    onPoint: (point) => points.push(point),
    onProgress: (share) => shares.push(share),
    ...changes,
  });
  return { series, points, shares };
}

test("a model without heads that switch is measured as it is", async () => {
  const model = new FakeModel(tokenizer);
  const { series } = await measure(Object.assign(model, { info: { ...model.info, heads: 0 } }), {
    modes: modesToMeasure(0, 0, 0),
    contexts: [64],
  });
  assert.deepEqual(
    series.map(({ mode, hybridRatio }) => [mode, hybridRatio]),
    [["chosen", null]],
  );
  const saved = run("2026-01-02T03:04:05.678Z");
  const measured = {
    ...saved,
    series: saved.series.slice(0, 1).map((one) => ({ ...one, ...series[0], points: one.points })),
  };
  assert.ok(isRun(JSON.parse(JSON.stringify(measured))));
  assert.match(benchmarkPage(measured), /as the model is, no window/);
  assert.equal(
    modeName({ mode: "chosen", hybridRatio: null, attentionWindow: 0 }),
    "as the model is, no window",
  );
});

test("each mode is measured at each context, and the state takes the same memory at all of them", async () => {
  const model = new FakeModel(tokenizer);
  const { series, points, shares } = await measure(model);
  assert.deepEqual(
    series.map(({ mode, hybridRatio, attentionWindow }) => [mode, hybridRatio, attentionWindow]),
    [
      ["state", 1, 0],
      ["attention", 0, 0],
      ["chosen", 0.75, 1024],
    ],
  );
  for (const { mode, points: measured } of series) {
    assert.deepEqual(
      measured.map(({ contextTokens }) => contextTokens),
      [64, 128, 6000],
    );
    const memory = new Set(measured.map(({ stateBytes, kvBytes }) => stateBytes + kvBytes));
    assert.equal(memory.size, mode === "state" ? 1 : 3, mode);
    for (const { prefillMs, wallMs } of measured) assert.ok(prefillMs > 0 && wallMs > prefillMs);
  }
  assert.equal(points.length, 9);
  // The same objects that the series have: what was shown on the way is what is saved.
  assert.ok(
    points.every(({ mode, point }) => series.find((one) => one.mode === mode)?.points.includes(point)),
  );
  assert.ok(shares.every((share, i) => share > (shares[i - 1] ?? 0)));
  assert.ok(Math.abs((shares.at(-1) ?? 0) - 1) < 1e-9);
  assert.equal(model.living, 0);
});

test("attention stops where its memory does, and the others go on", async () => {
  const { series } = await measure(new FakeModel(tokenizer), { memoryLimitBytes: 1024 + 2048 * 8 - 1 });
  const [state, attention] = series;
  assert.equal(state?.points.length, 3);
  assert.equal(state?.stopped, undefined);
  assert.equal(attention?.points.length, 2);
  assert.deepEqual(attention?.stopped, { reason: "memory", limitBytes: 17407, atTokens: 2176 });
});

test("a time limit stops each mode, and says after how many tokens", async () => {
  const { series } = await measure(new FakeModel(tokenizer), { timeLimitMs: 0, contexts: [64, 128] });
  for (const { points, stopped } of series) {
    assert.equal(points.length, 1);
    assert.deepEqual(stopped, { reason: "time", limitSeconds: 0, atTokens: 64 });
  }
});

test("a cancelled measurement leaves no state behind", async () => {
  const model = new FakeModel(tokenizer);
  const controller = new AbortController();
  const options = { signal: controller.signal, onPoint: () => controller.abort() };
  await assert.rejects(measure(model, options), Cancelled);
  assert.equal(model.living, 0);
});

test("a chosen ratio that is an extreme is not measured twice", () => {
  const names = (stateHeads: number, window: number) =>
    modesToMeasure(8, stateHeads, window).map(({ mode }) => mode);
  assert.deepEqual(names(8, 1024), ["state", "attention"]);
  assert.deepEqual(names(0, 0), ["state", "attention"]);
  assert.deepEqual(names(0, 1024), ["state", "attention", "chosen"]);
});

test("the program to measure with is the same each time, and as long as asked for", async () => {
  const { signal } = new AbortController();
  const long = await programTokens(tokenizer, 100_000, signal);
  assert.equal(long.length, 100_000);
  assert.deepEqual(await programTokens(tokenizer, 5000, signal), long.slice(0, 5000));
  assert.ok(new Set(long).size > 30);
});

test("what attention costs a token is measured on some tokens", async () => {
  const model = new FakeModel(tokenizer);
  assert.equal(await attentionBytesPerToken(model), 8);
  assert.equal(model.living, 0);
});

const wrong: readonly [string, unknown, RegExp | undefined][] = [
  ["nothing", undefined, undefined],
  ["null", null, undefined],
  ["all of them right", { contexts: [1, 2], timeLimitSeconds: 1, memoryLimitBytes: 1 }, undefined],
  ["no contexts", { contexts: [] }, /contexts/],
  ["falling contexts", { contexts: [2, 1] }, /rising/],
  ["a context twice", { contexts: [2, 2] }, /rising/],
  ["half a token", { contexts: [1.5] }, /contexts/],
  ["a context without end", { contexts: [1e12] }, /contexts/],
  ["a text", { contexts: "1024" }, /contexts/],
  ["a negative time", { timeLimitSeconds: -1 }, /time limit/],
  ["no number", { timeLimitSeconds: Number.NaN }, /time limit/],
  ["no memory", { memoryLimitBytes: 0 }, /memory limit/],
];
for (const [name, params, problem] of wrong) {
  test(`parameters of the benchmark: ${name}`, () => {
    const said = problemOfBenchmarkParams(params as never);
    if (problem) assert.match(said ?? "", problem);
    else assert.equal(said, undefined);
  });
}

test("parameters of the ratios", () => {
  assert.equal(problemOfRatioParams({ latencyBudgetMs: 10, memoryBudgetBytes: 1 }), undefined);
  assert.match(problemOfRatioParams({ latencyBudgetMs: 0 }) ?? "", /latency/);
  assert.match(problemOfRatioParams({ memoryBudgetBytes: "much" } as never) ?? "", /memory/);
});

function figures(
  hybridRatio: number,
  bitsPerByte: number,
  completionMs: number,
  mebibytes: number,
): RatioFigures {
  const speeds = { readTokensPerSecond: 1, decodeTokensPerSecond: 1 };
  return { hybridRatio, bitsPerByte, completionMs, stateBytes: 0, kvBytes: mebibytes * 2 ** 20, ...speeds };
}
const budgets = { latencyBudgetMs: 50, memoryBudgetBytes: 100 * 2 ** 20 };
const choices: readonly [string, readonly RatioFigures[], number, RegExp][] = [
  [
    "the fewest bits win",
    [figures(1, 2, 5, 0), figures(0.5, 1.9, 10, 20), figures(0, 1.95, 20, 40)],
    0.5,
    /^Ratio 0\.5 has 1\.900 bits .* best of the 3 ratios, all within 50 ms and 100\.0 MiB\. It takes 20\.0 MiB of memory and 10 ms .* Ratio 1 would take 0 B and 5\.0 ms, at 0\.100 bits a byte more\.$/,
  ],
  [
    "of two that are as good the cheaper wins",
    [figures(1, 1.903, 5, 0), figures(0.5, 1.9, 10, 20)],
    1,
    /nobody would notice/,
  ],
  [
    "one that is better but too slow is named",
    [figures(1, 2, 5, 0), figures(0, 1.5, 80, 40)],
    1,
    /best of the 1 of 2 ratios that stay within .* Ratio 0 would have 1\.500, but takes 80 ms/,
  ],
  [
    "one that is better but too large is named",
    [figures(1, 2, 5, 0), figures(0, 1.5, 20, 400)],
    1,
    /takes 400\.0 MiB of memory\.$/,
  ],
  [
    "where none fits the most state is taken",
    [figures(0, 1, 80, 0), figures(1, 2, 70, 0)],
    1,
    /^No ratio stays within/,
  ],
];
for (const [name, all, best, explanation] of choices) {
  test(`advice: ${name}`, () => {
    const choice = adviseRatio(all, budgets);
    assert.equal(choice.best, best);
    assert.match(choice.explanation, explanation);
  });
}

const PROSE = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [`file${i}.ts`, `export const value${i} = ${i};\n`.repeat(30)]),
);

function sampleOptions(root: string) {
  return {
    policy: new FilePolicy([{ path: root, exclude: [] }]),
    log: silentLog,
    signal: new AbortController().signal,
  };
}

test("a sample leaves files to read, and is the same each time", async (t) => {
  const root = folder(t, PROSE);
  const sample = await takeSample(tokenizer, sampleOptions(root));
  assert.deepEqual([sample.files.length, sample.contextFiles.length], [6, 6]);
  assert.deepEqual(await takeSample(tokenizer, sampleOptions(root)), sample);
  for (const { tokens, bytes: size } of sample.files) assert.equal(tokenizer.decode(tokens).length, size);
});

test("a repository that is too small to measure on is told in a sentence", async (t) => {
  await assert.rejects(
    takeSample(tokenizer, sampleOptions(folder(t, { "a.ts": "const a = 1;" }))),
    SampleError,
  );
});

test("each ratio is read, timed and scored, and no state is left", async (t) => {
  const model = new FakeModel(tokenizer);
  const sample = await takeSample(tokenizer, sampleOptions(folder(t, PROSE)));
  const seen: number[] = [];
  const options = { sample, stateHeads: [8, 4, 0], signal: new AbortController().signal };
  const listeners = { onFigures: ({ hybridRatio }: RatioFigures) => seen.push(hybridRatio) };
  const all = await measureRatios(model, {
    ...options,
    ...listeners,
    attentionWindow: 0,
    stateTokens: sample.context.length * 10,
  });
  assert.deepEqual(seen, [1, 0.5, 0]);
  const tokens = sample.files.reduce((sum, file) => sum + file.tokens.length, 0);
  const size = sample.files.reduce((sum, file) => sum + file.bytes, 0);
  for (const { bitsPerByte } of all) {
    assert.ok(Math.abs(bitsPerByte - (0.01 * tokens) / Math.LN2 / size) < 1e-5);
  }
  assert.deepEqual(
    all.map(({ kvBytes }) => kvBytes),
    [0, 40, 80].map((each) => each * sample.context.length),
  );
  assert.equal(model.living, 0);
});

test("a change of the ratio is measured when the repository is read; a newer change gives it up", async (t) => {
  const model = new FakeModel(tokenizer);
  let isRead = (): void => undefined;
  const read = new Promise<void>((resolve) => {
    isRead = resolve;
  });
  let measured = 0;
  const changes = new RatioChanges(silentLog, () => measured++);
  const subject = {
    model,
    tokenizer,
    policy: new FilePolicy([{ path: folder(t, PROSE), exclude: [] }]),
    attentionWindow: 64,
    stateTokens: 100,
  };
  const first = changes.measure(8, 4, read, () => subject);
  const second = changes.measure(4, 2, read, () => subject);
  isRead();
  await Promise.all([first, second]);
  assert.equal(measured, 1);
  assert.deepEqual([changes.latest?.from.hybridRatio, changes.latest?.to.hybridRatio], [0.5, 0.25]);
});

function run(date: string): BenchmarkRun {
  const point = {
    contextTokens: 1024,
    prefillMs: 100,
    prefillTokensPerSecond: 10_240,
    decodeTokensPerSecond: 1000,
  };
  const costs = { wallMs: 228, stateBytes: 2048, kvBytes: 0 };
  const dear = {
    ...point,
    prefillMs: 400,
    decodeTokensPerSecond: 500,
    wallMs: 656,
    stateBytes: 1024,
    kvBytes: 2 ** 20,
  };
  return {
    version: 1,
    date,
    seconds: 12,
    machine: describeMachine(),
    model: {
      ...{ name: "stateline", hash: "ab", parameters: 7e6, quantization: "int8" },
      ...{ weightBytes: 1, cpuLevel: "avx2", threads: 2 },
    },
    decodeTokens: 128,
    timeLimitSeconds: 60,
    memoryLimitBytes: 2 ** 30,
    series: [
      { mode: "state", hybridRatio: 1, attentionWindow: 0, points: [{ ...point, ...costs }] },
      {
        ...{ mode: "attention", hybridRatio: 0, attentionWindow: 0, points: [dear] },
        stopped: { reason: "time", limitSeconds: 60, atTokens: 3000 },
      },
    ],
  };
}

test("runs are kept as JSON and as a page, the latest first; what is damaged counts as absent", async (t) => {
  const root = join(folder(t), "benchmarks");
  const warnings: string[] = [];
  const store = new RunStore(root, { ...silentLog, warn: (line) => warnings.push(line) });
  assert.deepEqual(await store.list(), []);
  const [older, newer] = [run("2026-01-02T03:04:05.678Z"), run("2026-02-02T03:04:05.678Z")];
  await store.save(older);
  const page = await store.save(newer);
  assert.match(readFileSync(page, "utf8"), /^# State against attention/);
  assert.deepEqual(await store.list(), [newer, older]);
  writeFileSync(join(root, "benchmark-2026-03-02T03-04-05Z.json"), '{"version":1,"series":[{}]}');
  writeFileSync(join(root, "benchmark-2026-04-02T03-04-05Z.json"), "{");
  writeFileSync(join(root, "other.json"), "{}");
  mkdirSync(join(root, "benchmark-2026-05-02T03-04-05Z.json"));
  assert.deepEqual(await store.list(), [newer, older]);
  assert.equal(warnings.length, 3);
});

test("the oldest runs go first", async (t) => {
  const root = folder(t);
  const store = new RunStore(root, silentLog);
  for (let day = 1; day <= 23; day++)
    await store.save(run(`2026-01-${String(day).padStart(2, "0")}T00:00:00.000Z`));
  assert.equal(readdirSync(root).length, 40);
  assert.equal((await store.list()).at(-1)?.date, "2026-01-04T00:00:00.000Z");
});

test("a run of another machine is taken in, by itself or as ./dev bench records it, and never over another", async (t) => {
  const store = new RunStore(folder(t), silentLog);
  const elsewhere = run("2026-01-02T03:04:05.678Z");
  assert.deepEqual(await store.add(JSON.stringify(elsewhere)), elsewhere);
  await store.add(JSON.stringify(elsewhere));
  const recorded = run("2026-01-03T03:04:05.678Z");
  assert.deepEqual(await store.add(JSON.stringify({ command: "./dev bench", results: recorded })), recorded);
  assert.deepEqual(await store.list(), [recorded, elsewhere]);
  await assert.rejects(store.add(JSON.stringify({ ...elsewhere, seconds: 99 })), /Another benchmark of 2026/);
  assert.deepEqual(await store.list(), [recorded, elsewhere]);
});

const damages: readonly [string, (run: BenchmarkRun) => unknown][] = [
  ["no JSON", () => "{"],
  ["null", () => null],
  ["a text", () => "benchmark"],
  ["a date that names another folder", (one) => ({ ...one, date: "2026-01-02T../../../../x" })],
  ["a day that does not exist", (one) => ({ ...one, date: "2026-13-42T03:04:05.678Z" })],
  ["a machine without a name", (one) => ({ ...one, machine: { ...one.machine, cpu: undefined } })],
  ["a name without end", (one) => ({ ...one, model: { ...one.model, name: "x".repeat(201) } })],
  ["too many series", (one) => ({ ...one, series: [...one.series, ...one.series] })],
  [
    "a limit without its size",
    (one) => ({ ...one, series: [{ ...one.series[1], stopped: { reason: "memory", atTokens: 1 } }] }),
  ],
  [
    "a speed of nothing",
    (one) => ({
      ...one,
      series: [{ ...one.series[0], points: [{ ...one.series[0]?.points[0], wallMs: 0 }] }],
    }),
  ],
  ["more than a mebibyte", (one) => ({ ...one, padding: "x".repeat(2 ** 20) })],
];
for (const [name, damage] of damages) {
  test(`a run with ${name} is refused with a sentence`, async (t) => {
    const root = folder(t);
    const value = damage(run("2026-01-02T03:04:05.678Z"));
    const text = value === "{" ? value : JSON.stringify(value);
    await assert.rejects(
      new RunStore(root, silentLog).add(text),
      /^Error: The file holds no benchmark of this version/,
    );
    assert.deepEqual(readdirSync(root), []);
  });
}

test("the page has what was measured, how many times attention costs it, and why a mode stopped", () => {
  const measured = run("2026-01-02T03:04:05.678Z");
  const page = benchmarkPage(measured);
  assert.match(page, /int8, avx2, 2 threads\. Same engine/);
  const onGpu = { ...measured, model: { ...measured.model, gpu: "cuda:0 (NVIDIA A100)" } };
  assert.match(benchmarkPage(onGpu), /int8, cuda:0 \(NVIDIA A100\)\. Same engine/);
  assert.match(page, /^Measured 2026-01-02 03:04 UTC in 12 s on /m);
  assert.match(
    page,
    /^\| 1 k \| all attention, no window \| 10,240 \| 500 \| 656 ms \| 1 KiB \| 1\.0 MiB \|$/m,
  );
  assert.match(page, /^\| 1 k \| 4\.0× \| 2\.0× \| 2\.9× \| 512\.5× \|$/m);
  assert.match(
    page,
    /^- all attention, no window: stopped after 3,000 tokens, where the time limit of 60 s was spent\.$/m,
  );
});

test("figures are said with their units", () => {
  assert.deepEqual([900, 4096, 1536, 131072, 2 ** 20].map(tokensShort), [
    "900",
    "4 k",
    "1.5 k",
    "128 k",
    "1 M",
  ]);
  assert.deepEqual([2048, 2 ** 21, 5 * 2 ** 30].map(bytes), ["2 KiB", "2.0 MiB", "5.00 GiB"]);
  assert.deepEqual([1.234, 56.7, 1234, 12_345].map(milliseconds), ["1.2 ms", "57 ms", "1.23 s", "12.3 s"]);
});

test("the meter keeps what completions took, and leaves out what decoded nothing", () => {
  const meter = new SessionFigures();
  const completion = { tokensAdvanced: 1, msToFirstToken: 1, contextTokens: 1, characters: 1 };
  assert.equal(meter.latency.count, 0);
  for (let i = 1; i <= 100; i++)
    meter.noteCompletion({ ...completion, tokensDecoded: 10, msTotal: i, msDecoding: 5 });
  meter.noteCompletion({ ...completion, tokensDecoded: 0, msTotal: 9999 });
  assert.deepEqual(meter.latency, { count: 100, p50Ms: 51, p95Ms: 96, maxMs: 100 });
  assert.equal(meter.decoding.at(-1)?.tokensPerSecond, 2000);
  meter.noteReading(0);
  meter.noteReading(500);
  meter.noteReading(600);
  assert.deepEqual(
    meter.reading.map(({ tokensPerSecond }) => tokensPerSecond),
    [500],
  );
});
