/** What the dashboard's page makes of messages; how it looks is test/e2e/dashboard.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf } from "../../media/dashboard/exports.ts";
import { type Knowledge, learn, NOTHING_KNOWN, runShown, seriesShown } from "../../media/dashboard/model.ts";
import type {
  BenchmarkPoint,
  BenchmarkRun,
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

test("the figures as CSV have a line for each point, and the names of the units", () => {
  const [head, line, ...rest] = csvOf(run("a").series).split("\n");
  assert.equal(
    head,
    "mode,hybridRatio,attentionWindow,contextTokens,prefillMs,prefillTokensPerSecond,decodeTokensPerSecond,wallMs,stateBytes,kvBytes",
  );
  assert.equal(line, '"all state",1,0,1024,20.00,51200.0,12800.0,30.00,485376,0');
  assert.deepEqual(rest, [""]);
});
