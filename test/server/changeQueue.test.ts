import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeQueue } from "../../server/repository/changeQueue.ts";
import { FakeClock } from "./fakes/clock.ts";

const PAUSE_MS = 4000;
const MOST_WAIT_MS = 8000;

type Told = readonly [atMs: number, path: string];

/** What is handed over when, of paths that are told at their times. */
function batchesOf(told: readonly Told[], untilMs: number) {
  const clock = new FakeClock();
  const batches: { readonly atMs: number; readonly paths: readonly string[] }[] = [];
  const queue = new ChangeQueue({
    clock,
    pauseMs: PAUSE_MS,
    mostWaitMs: MOST_WAIT_MS,
    mayMatter: (path) => !path.includes("ignored"),
    onBatch: (paths) => batches.push({ atMs: clock.nowMs(), paths: [...paths].sort() }),
  });
  for (const [atMs, path] of [...told].sort(([a], [b]) => a - b)) {
    clock.moveTo(atMs);
    queue.note(path);
  }
  clock.moveTo(untilMs);
  return { queue, batches };
}

const every = (ms: number, path: string, untilMs: number): Told[] =>
  Array.from({ length: Math.floor(untilMs / ms) }, (_, i) => [i * ms, path]);

const cases: readonly [string, readonly Told[], readonly (readonly [number, ...string[]])[]][] = [
  ["one file: after the pause", [[0, "a"]], [[4000, "a"]]],
  [
    "the same file twice in the pause: once, and no later",
    [
      [0, "a"],
      [3000, "a"],
    ],
    [[4000, "a"]],
  ],
  [
    "a burst: together, when it is over",
    [
      [0, "a"],
      [3000, "b"],
      [5000, "c"],
    ],
    [[8000, "a", "b", "c"]],
  ],
  [
    "a burst without an end: after the most wait, and the rest after that",
    Array.from({ length: 10 }, (_, i) => [i * 1000, `f${i}`] as const),
    [
      [8000, "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"],
      [13_000, "f8", "f9"],
    ],
  ],
  [
    "a file that was taken a moment ago: when it rested, beside others on their own time",
    [
      [0, "a"],
      [5000, "a"],
      [6000, "b"],
    ],
    [
      [4000, "a"],
      [10_000, "b"],
      [12_000, "a"],
    ],
  ],
  ["a file that never matters", [[0, "ignored"]], []],
];
for (const [name, told, expected] of cases) {
  test(`changes are handed over: ${name}`, () => {
    const { batches } = batchesOf(told, 60_000);
    assert.deepEqual(
      batches.map(({ atMs, paths }) => [atMs, ...paths]),
      expected,
    );
  });
}

test("a log that is written ten times a second is taken once in the most wait and holds up nobody", () => {
  const saved: Told[] = Array.from({ length: 10 }, (_, i) => [i * 11_000 + 1, `saved${i}`]);
  const { batches } = batchesOf([...every(100, "log", 120_000), ...saved], 140_000);
  const atMs = (path: string) => batches.filter(({ paths }) => paths.includes(path)).map((one) => one.atMs);
  const logMs = atMs("log");
  assert.ok(logMs.length >= 14, logMs.join());
  for (const [i, ms] of logMs.entries()) if (i > 0) assert.ok(ms - (logMs[i - 1] ?? 0) >= MOST_WAIT_MS);
  for (const [toldMs, path] of saved) assert.deepEqual(atMs(path), [toldMs + PAUSE_MS], path);
});

test("no change waits longer than the most wait, whatever comes when; nothing is lost", () => {
  const seed = Date.now() % 100_000;
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  for (let round = 0; round < 50; round++) {
    const told = Array.from(
      { length: 200 },
      () => [Math.floor(random() * 60_000), `f${Math.floor(random() ** 3 * 40)}`] as const,
    );
    const { batches } = batchesOf(told, 100_000);
    for (const [toldMs, path] of told) {
      const taken = batches.find(({ atMs, paths }) => atMs >= toldMs && paths.includes(path));
      assert.ok(
        taken && taken.atMs - toldMs <= MOST_WAIT_MS,
        `seed ${seed}: ${path} told at ${toldMs} was taken at ${taken?.atMs}`,
      );
    }
  }
});

test("far more paths than can be kept are told by their folders", () => {
  const told = Array.from({ length: 30_000 }, (_, i) => [0, `/r/d${i % 7}/f${i}`] as const);
  const { batches } = batchesOf(told, 10_000);
  const paths = new Set(batches.flatMap((batch) => batch.paths));
  for (let i = 0; i < 7; i++) assert.ok(paths.has(`/r/d${i}`));
  assert.ok(paths.size < 20_001, String(paths.size));
});

test("what is flushed is handed over at once, what is cleared never", () => {
  const { queue, batches } = batchesOf([[0, "a"]], 10);
  queue.flush();
  assert.deepEqual(batches, [{ atMs: 10, paths: ["a"] }]);
  queue.note("b");
  queue.clear();
  queue.flush();
  assert.equal(batches.length, 1);
});
