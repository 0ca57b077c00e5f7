/** The long-range measurement on small classifiers: rows, order, cancellation, test sets that do not fit. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { LongRangeRow } from "../../protocol/longRange.ts";
import { Cancelled } from "../../server/engine/engine.ts";
import { LONG_RANGE_ADDON_PATH } from "../../server/installation.ts";
import { runLongRange } from "../../server/measure/longRange.ts";
import { proportion } from "../../server/measure/statistics.ts";
import { readTestSet } from "../../server/measure/testSet.ts";

const golden = fileURLToPath(new URL("../golden/longrange", import.meta.url));
let weightsPath: string;

beforeEach(() => {
  weightsPath = mkdtempSync(join(tmpdir(), "stateline-"));
  for (const [model, name] of [
    ["attention", "attention"],
    ["ssm", "diagonal"],
  ] as const)
    cpSync(join(golden, name), join(weightsPath, `toy-${model}`), { recursive: true });
  writeTestSet({ lengths: [3, 40, 1], labels: [0, 1, 4] }, 44);
});
afterEach(() => rmSync(weightsPath, { recursive: true }));

function writeTestSet(contents: unknown, bytes: number): void {
  mkdirSync(join(weightsPath, "toy"), { recursive: true });
  writeFileSync(join(weightsPath, "toy", "test.json"), JSON.stringify(contents));
  writeFileSync(
    join(weightsPath, "toy", "test.bin"),
    Uint8Array.from({ length: bytes }, (_, i) => i),
  );
}

function run(signal = new AbortController().signal, onRow: (row: LongRangeRow) => void = () => undefined) {
  const shares: number[] = [];
  return runLongRange({
    addonPath: LONG_RANGE_ADDON_PATH,
    weightsPath,
    threads: 1,
    lengths: [64, 200],
    signal,
    onRow,
    onProgress: (share) => shares.push(share),
  }).then((result) => ({ result, shares }));
}

test("each classifier of a task gives a row, the state-space model first", async () => {
  const sent: LongRangeRow[] = [];
  const { result, shares } = await run(undefined, (row) => sent.push(row));
  assert.deepEqual(result.rows, sent);
  assert.deepEqual(
    result.rows.map(({ task, model, ssmRatio, testSequences, testTokens, longestTokens, classes }) => [
      task,
      model,
      ssmRatio,
      testSequences,
      testTokens,
      longestTokens,
      classes,
    ]),
    [
      ["toy", "ssm", 1, 3, 44, 40, 5],
      ["toy", "attention", 0, 3, 44, 40, 5],
    ],
  );
  for (const { points, accuracy, correct } of result.rows) {
    assert.deepEqual(
      points.map(({ tokens }) => tokens),
      [64, 200],
    );
    assert.ok(points.every(({ medianMs, memoryBytes }) => medianMs > 0 && memoryBytes > 0));
    assert.deepEqual(accuracy, proportion(correct, 3));
  }
  const [ssm, attention] = result.rows.map(({ points }) => points.map(({ memoryBytes }) => memoryBytes));
  assert.equal(ssm?.[0], ssm?.[1]);
  assert.ok((attention?.[0] ?? 0) < (attention?.[1] ?? 0));
  assert.deepEqual(
    [...shares].sort((a, b) => a - b),
    shares,
  );
});

test("a run that is cancelled stops, and one without classifiers says what to do", async () => {
  await assert.rejects(run(AbortSignal.abort()), Cancelled);
  rmSync(join(weightsPath, "toy"), { recursive: true });
  await assert.rejects(run(), { message: /There are no classifiers in .*; install the package again\./ });
});

test("test sets that do not fit are refused with one sentence", async () => {
  const folder = join(weightsPath, "toy");
  assert.deepEqual(
    (await readTestSet(folder)).map(({ bytes, label }) => [bytes[0], bytes.length, label]),
    [
      [0, 3, 0],
      [3, 40, 1],
      [43, 1, 4],
    ],
  );
  for (const [contents, bytes, fault] of [
    [{ lengths: [3], labels: [0] }, 4, /does not fit test\.bin/],
    [{ lengths: [4], labels: [0, 1] }, 4, /does not fit test\.bin/],
    [{ lengths: [2.5], labels: [0] }, 4, /"lengths" must be a list of integers/],
    [{ lengths: [-4, 8], labels: [0, 0] }, 4, /"lengths" must be a list of integers/],
    [{ lengths: [4] }, 4, /"labels" must be a list of integers/],
    [null, 4, /"lengths" must be a list of integers/],
  ] as const) {
    writeTestSet(contents, bytes);
    await assert.rejects(readTestSet(folder), { message: fault });
  }
  writeFileSync(join(folder, "test.json"), "{");
  await assert.rejects(readTestSet(folder), { message: /is not valid JSON; export the test set again/ });
});

// Published values: 81 of 263 gives 0.255 to 0.366 (Newcombe, Statistics in Medicine 17, 1998, method 3).
test("the interval of a share is Wilson's", () => {
  const { low, high } = proportion(81, 263);
  assert.ok(Math.abs(low - 0.2553) < 5e-5 && Math.abs(high - 0.3662) < 5e-5);
  assert.deepEqual(proportion(0, 0), { share: 0, low: 0, high: 1 });
  assert.equal(proportion(0, 20).low, 0);
});
