/** What the dashboard's page makes of messages; how it looks is test/e2e/dashboard.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareSeries, comparisonSentences } from "../../media/dashboard/comparison.ts";
import { csvOf } from "../../media/dashboard/exports.ts";
import {
  type Knowledge,
  learn,
  NOTHING_KNOWN,
  runShown,
  runsShown,
  seriesShown,
} from "../../media/dashboard/model.ts";
import type {
  BenchmarkPoint,
  BenchmarkRun,
  Machine,
  MeasuredPoint,
  Mode,
  RatioFigures,
} from "../../protocol/benchmark.ts";
import type { ToPage } from "../../protocol/dashboard.ts";

const POINT: BenchmarkPoint = {
  ...{ contextTokens: 1024, prefillMs: 20, prefillTokensPerSecond: 51_200, decodeTokensPerSecond: 12_800 },
  ...{ wallMs: 30, stateBytes: 485_376, kvBytes: 0 },
};

function measured(mode: Mode, contextTokens: number): MeasuredPoint {
  return { mode, hybridRatio: 1, attentionWindow: 0, point: { ...POINT, contextTokens } };
}

const run = (date: string): BenchmarkRun =>
  ({ date, series: [{ mode: "state", hybridRatio: 1, attentionWindow: 0, points: [POINT] }] }) as never;

function after(...messages: readonly ToPage[]): Knowledge {
  return messages.reduce(learn, NOTHING_KNOWN);
}

const begun: ToPage = { kind: "progress", of: "benchmark", share: 0, message: "" };

test("while a benchmark runs its points are shown as they come, one series a mode", () => {
  const known = after(
    { kind: "runs", runs: [run("a")] },
    begun,
    { kind: "point", measured: measured("state", 1024) },
    { kind: "point", measured: measured("attention", 1024) },
    { kind: "progress", of: "benchmark", share: 0.3, message: "4 k tokens" },
    { kind: "point", measured: measured("state", 4096) },
  );
  assert.deepEqual(
    seriesShown(known).map(({ mode, points }) => [mode, points.map(({ contextTokens }) => contextTokens)]),
    [
      ["state", [1024, 4096]],
      ["attention", [1024]],
    ],
  );
  assert.equal(known.running.benchmark?.message, "4 k tokens");
});

test("a benchmark that fails leaves the runs before it, and says why", () => {
  const point: ToPage = { kind: "point", measured: measured("state", 1024) };
  const problem = "The model was disposed; load it again.";
  const known = after({ kind: "runs", runs: [run("b"), run("a")] }, begun, point, {
    kind: "ended",
    of: "benchmark",
    problem,
  });
  assert.equal(known.running.benchmark, undefined);
  assert.equal(known.problems.benchmark, problem);
  assert.equal(runShown(known)?.date, "b");
  assert.equal(seriesShown(known), runShown(known)?.series);
  assert.equal(after(begun).problems.benchmark, undefined);
});

test("the run that was chosen is shown until a new one is measured", () => {
  const runs: ToPage = { kind: "runs", runs: [run("b"), run("a")] };
  const chosen = { ...after(runs), chosenRun: "a" };
  assert.equal(runShown(chosen)?.date, "a");
  assert.equal(runShown({ ...chosen, chosenRun: "gone" })?.date, "b");
  assert.equal(learn(chosen, begun).chosenRun, undefined);
  assert.deepEqual(seriesShown(NOTHING_KNOWN), []);
});

test("ratios that are measured anew forget the advice before", () => {
  const figures = { hybridRatio: 1 } as RatioFigures;
  const known = after({ kind: "figures", figures }, { kind: "advice", advice: { best: 1 } as never });
  assert.deepEqual([known.ratios.length, known.advice?.best], [1, 1]);
  const again = learn(known, { kind: "progress", of: "ratios", share: 0, message: "" });
  assert.deepEqual([again.ratios.length, again.advice], [0, undefined]);
});

test("data after an outage make the page live again", () => {
  const down = after({ kind: "unavailable", sentence: "The model is loading.", isError: false });
  assert.ok(down.unavailable);
  assert.equal(learn(down, { kind: "data", data: {} as never }).unavailable, undefined);
});

const HEAD =
  "run,date,cpu,cores,model,weights,quantization,threads,mode,hybridRatio,attentionWindow,contextTokens," +
  "prefillMs,prefillTokensPerSecond,decodeTokensPerSecond,wallMs,stateBytes,kvBytes";

test("the figures as CSV have a line for each point, its run and machine, and the names of the units", () => {
  const a = fullRun("2026-02-01T00:00:00.000Z", { cpu: 'A "fast", new one' });
  const [head, line, ...rest] = csvOf(runsShown(after({ kind: "runs", runs: [a] }))).split("\n");
  assert.equal(head, HEAD);
  assert.equal(
    line,
    'A,2026-02-01T00:00:00.000Z,"A ""fast"", new one",2,stateline,abcdef012345,int8,2,' +
      "all state,1,0,1024,20.00,51200.0,12800.0,30.00,485376,0",
  );
  assert.match(rest.join("\n"), /^A,.*,"ratio 0\.75, window 1,024",0\.75,1024,1024,.*\n$/);
});

const MACHINE: Machine = {
  ...{ cpu: "Example CPU", logicalCores: 4, physicalCores: 2, memoryGiB: 16 },
  ...{ system: "Linux", node: "v24", loadBefore: 0.1 },
};

/** Twice as fast as `POINT` where `speedup` is 2, at the same memory. */
function fullRun(date: string, machine: Partial<Machine> = {}, speedup = 1, ratio = 0.75): BenchmarkRun {
  const point: BenchmarkPoint = {
    ...POINT,
    prefillTokensPerSecond: POINT.prefillTokensPerSecond * speedup,
    decodeTokensPerSecond: POINT.decodeTokensPerSecond * speedup,
    wallMs: POINT.wallMs / speedup,
  };
  return {
    ...{ version: 1, date, seconds: 9, decodeTokens: 128, timeLimitSeconds: 60, memoryLimitBytes: 2 ** 30 },
    machine: { ...MACHINE, ...machine },
    model: {
      ...{ name: "stateline", hash: "abcdef012345", parameters: 6.8e6, quantization: "int8" },
      ...{ weightBytes: 7e6, cpuLevel: "avx2", threads: 2 },
    },
    series: [
      { mode: "state", hybridRatio: 1, attentionWindow: 0, points: [point] },
      { mode: "chosen", hybridRatio: ratio, attentionWindow: 1024, points: [point] },
    ],
  };
}

test("a run is laid over another: each has its letter, and B is in multiples of A where both did the same", () => {
  const [a, b] = [
    fullRun("2026-02-01T00:00:00.000Z"),
    fullRun("2026-01-01T00:00:00.000Z", { cpu: "Other CPU" }, 2, 0.5),
  ];
  const known = after({ kind: "runs", runs: [a, b], compare: b.date });
  const [shownA, shownB] = runsShown(known);
  assert.deepEqual([shownA?.run?.date, shownB?.run?.date], [a.date, b.date]);
  assert.match(shownB?.name ?? "", /2026.* · stateline 6\.8 M int8 · Other CPU$/);
  assert.ok(shownA && shownB);
  assert.deepEqual(compareSeries(shownA, shownB), [
    {
      name: "all state",
      multiples: [{ contextTokens: 1024, prefill: 2, decode: 2, wall: 0.5, memory: 1 }],
    },
  ]);
  assert.deepEqual(comparisonSentences(shownA, shownB), [
    "1 k tokens, all state: B reads 2.00× and writes 2.00× as fast as A, in 1.00× the memory.",
    "Only A has ratio 0.75, window 1,024.",
    "Only B has ratio 0.5, window 1,024.",
    "Not the same: processor Example CPU in A, Other CPU in B.",
    "Measured at different times: the load before was 0.1 in A, 0.1 in B.",
  ]);
  const letters = csvOf([shownA, shownB])
    .trimEnd()
    .split("\n")
    .map((line) => line[0]);
  assert.deepEqual(letters, ["r", "A", "A", "B", "B"]);
});

test("a run is not laid over itself, and stays laid over one that is under way", () => {
  const [a, b] = [fullRun("2026-02-01T00:00:00.000Z"), fullRun("2026-01-01T00:00:00.000Z")];
  const known = after({ kind: "runs", runs: [a, b], compare: b.date });
  assert.equal(runsShown({ ...known, chosenRun: b.date }).length, 1);
  const running = [begun, { kind: "point", measured: measured("state", 1024) } as const].reduce(learn, known);
  const [underWay, laidOver] = runsShown(running);
  assert.deepEqual([underWay?.run, underWay?.name, laidOver?.run?.date], [undefined, "under way", b.date]);
  assert.deepEqual(runsShown(learn(known, begun)), [], "nothing is measured yet");
});
