/** What the dashboard makes of Long Range Arena; how it looks is test/e2e/dashboard.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvText } from "../../media/dashboard/exports.ts";
import {
  articleCells,
  fasterCells,
  LONG_RANGE_MEASURES,
  longRangeCsv,
  longRangeLines,
  publishedCells,
  taskCells,
  tasksOf,
} from "../../media/dashboard/longRangeRows.ts";
import { learn, NOTHING_KNOWN } from "../../media/dashboard/model.ts";
import type { ToPage } from "../../protocol/dashboard.ts";
import type { LongRangeModel, LongRangeRow } from "../../protocol/longRange.ts";

/** `msAt4k` grows with the length for the state-space model, with its square for attention. */
function row(task: string, model: LongRangeModel, ssmRatio: number, msAt4k: number): LongRangeRow {
  const growth = model === "ssm" ? 1 : 2;
  return {
    ...{ task, model, ssmRatio, family: "diagonal", parameters: 60_000, classes: 2 },
    ...{ testSequences: 200, correct: 150, accuracy: { share: 0.75, low: 0.686, high: 0.805 } },
    ...{ testTokens: 400_000, longestTokens: 4096, testTokensPerSecond: 123_456.7 },
    points: [4096, 16_384, 32_768].map((tokens) => ({
      tokens,
      medianMs: msAt4k * (tokens / 4096) ** growth,
      memoryBytes: model === "ssm" ? 8192 : tokens * 512,
    })),
  };
}

const ROWS = [
  row("text", "ssm", 1, 10),
  row("text", "hybrid", 0.5, 18),
  row("text", "attention", 0, 30),
  row("listops", "ssm", 1, 10),
];

test("each task has a table: a row a model, with its interval, its times and its memory", () => {
  assert.deepEqual(tasksOf(ROWS), ["text", "listops"]);
  const { head, rows } = taskCells(ROWS, "text");
  assert.deepEqual(head.slice(4), ["4 k", "16 k", "32 k", "Memory at 32 k"]);
  assert.deepEqual(rows[1], [
    ...["hybrid, ratio 0.5", "75.0 % of 200", "68.6 % to 80.5 %", "123,457"],
    ...["18 ms", "288 ms", "1.15 s", "16.0 MiB"],
  ]);
  assert.equal(taskCells(ROWS, "listops").rows.length, 1);
});

test("how much faster than attention stands beside the article's figure of that length", () => {
  assert.deepEqual(fasterCells(ROWS).rows, [
    ["text, 4 k", "3.0×", "3.2×"],
    ["text, 16 k", "12.0×", "12.7×"],
    ["text, 32 k", "24.0×", "28.4×"],
  ]);
});

test("what others published is said as theirs, and what they could not train as failed", () => {
  assert.deepEqual(articleCells().rows[0], ["text, 4 k", "92.3 %", "91.7 %"]);
  const { head, rows } = publishedCells();
  assert.equal(head.at(-1), "pathX");
  assert.deepEqual(rows[0], ["Transformer", "36.4 %", "64.3 %", "42.4 %", "71.4 %", "failed"]);
});

test("the charts have a line a model, in the look of its mode", () => {
  const [time, memory] = LONG_RANGE_MEASURES;
  assert.ok(time && memory);
  assert.deepEqual(
    longRangeLines(ROWS, "text", time).map(({ name, look, points }) => [name, look, points[0]?.value]),
    [
      ["SSM", "state", 10],
      ["hybrid, ratio 0.5", "chosen", 18],
      ["attention", "attention", 30],
    ],
  );
  const [ssm] = longRangeLines(ROWS, "text", memory);
  assert.equal(new Set(ssm?.points.map(({ value }) => value)).size, 1);
});

test("as CSV there is a line for each model, task and length", () => {
  const lines = csvText(longRangeCsv(ROWS)).trimEnd().split("\n");
  assert.equal(lines.length, 1 + 3 * ROWS.length);
  assert.equal(lines[1], "text,ssm,1,diagonal,60000,200,150,0.7500,0.6860,0.8050,123456.7,4096,10.00,8192");
});

test("rows are kept as they come, and forgotten when it runs anew", () => {
  const rows = ROWS.map((one): ToPage => ({ kind: "longRangeRow", row: one }));
  const known = rows.reduce(learn, NOTHING_KNOWN);
  assert.deepEqual(known.longRangeRows, ROWS);
  const ended = learn(known, { kind: "ended", of: "longRange", problem: "The model is damaged." });
  assert.equal(ended.longRangeRows.length, 4, "half of it is figures all the same");
  assert.equal(ended.problems.longRange, "The model is damaged.");
  const again = learn(ended, { kind: "progress", of: "longRange", share: 0, message: "" });
  assert.deepEqual([again.longRangeRows, again.problems.longRange], [[], undefined]);
});
