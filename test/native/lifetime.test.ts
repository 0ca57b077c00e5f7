/** Lifetimes: workers, processes that end while work is under way, and memory that comes back. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { addon, addonPath, advance, goldenPath, loadTiny, someTokens } from "./addon.ts";

/** Loads the tiny model in plain JavaScript and starts a long background job there. */
const program = `
  const { createRequire } = require("node:module");
  const addon = createRequire(${JSON.stringify(import.meta.filename)})(${JSON.stringify(addonPath)});
  const started = addon.loadModel(${JSON.stringify(goldenPath("tiny-f32"))}, { threads: 2 }).then((model) => {
    const state = model.initialState(2, 128);
    const job = model.advance(state, new Int32Array(5_000_000), { priority: "background" });
    return { model, state, job };
  });
`;

test("a worker may be terminated in the middle of a job", async () => {
  for (let round = 0; round < 5; round += 1) {
    const worker = new Worker(
      `${program} started.then(() => require("node:worker_threads").parentPort.postMessage("started"));`,
      { eval: true },
    );
    await once(worker, "message");
    await worker.terminate();
  }
  const model = await loadTiny();
  assert.equal((await advance(model, model.initialState(2, 0), Int32Array.of(1))).tokenCount, 1);
  model.dispose();
});

test("several threads use the addon at the same time", async () => {
  const text = `${program}
    const { parentPort } = require("node:worker_threads");
    started.then(async ({ model, state, job }) => {
      const [after] = await model.advance(state, Int32Array.of(1, 2, 3), { priority: "completion" });
      const [logProbs] = await model.logProbs([after], { priority: "completion" });
      parentPort.postMessage(Array.from(logProbs));
      job.catch(() => {});
      model.dispose();
    });`;
  const workers = Array.from({ length: 3 }, () => new Worker(text, { eval: true }));
  const exits = workers.map((worker) => once(worker, "exit"));
  const logits = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  await Promise.all(exits);
  assert.deepEqual(logits[1], logits[0]);
  assert.deepEqual(logits[2], logits[0]);
});

async function exitOf(code: string): Promise<{ code: number | null; signal: string | null }> {
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "ignore", "inherit"] });
  const [exitCode, signal] = (await once(child, "exit")) as [number | null, string | null];
  return { code: exitCode, signal };
}

test("a process ends cleanly: idle, in the middle of a job, or after dispose", async () => {
  const clean = { code: 0, signal: null };
  assert.deepEqual(await exitOf(`${program} started.then(() => process.exit(0));`), clean);
  // No job pending and nothing disposed: the addon must not keep the process alive.
  const idle = program.replace(/const job = .*;/, "const job = undefined;");
  assert.deepEqual(await exitOf(idle), clean);
  assert.deepEqual(
    await exitOf(`${program} started.then(({ model, job }) => { job.catch(() => {}); model.dispose(); });`),
    clean,
  );
});

/** Of states that are done with, kept for the next ones: native/engine/free_blocks.h. */
const KEPT_BYTES = 24 * 2 ** 20;

test("states that nobody holds are collected, because the collector knows their size", async () => {
  const model = await loadTiny();
  const empty = model.initialState(0, 0);
  const tokens = someTokens(400, model.info.vocabSize);
  const base = process.memoryUsage().rss;
  let forgotten = 0;
  let peak = 0;
  while (forgotten < 300e6) {
    forgotten += (await advance(model, empty, tokens)).kvBytes;
    peak = Math.max(peak, process.memoryUsage().rss - base);
  }
  assert.ok(peak < 150e6 + KEPT_BYTES, `${peak} bytes in use after ${forgotten} were forgotten`);
  model.dispose();
});

const { header } = process.report.getReport() as { header: object };
const hasGlibcsAllocator = "glibcVersionRuntime" in header && !process.env.LD_PRELOAD?.includes("asan");
const onGlibc = hasGlibcsAllocator ? {} : { skip: "other allocators are left as they are" };

/** Of this process: pages that hold no file. */
function anonymousBytes(): number {
  const [, kilobytes] = /^Anonymous:\s+(\d+) kB/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

test("states that are disposed of go back to the system, also from between others", onGlibc, async () => {
  const model = await addon.loadModel(join(import.meta.dirname, "../../model/weights"), { threads: 1 });
  const empty = anonymousBytes();
  for (let round = 0; round < 3; round += 1) {
    const states = Array.from({ length: 300 }, () => model.initialState(model.info.heads, 0));
    const all = anonymousBytes() - empty;
    for (const [i, state] of states.entries()) if (i % 10 > 0) state.dispose();
    const left = anonymousBytes() - empty;
    assert.ok(
      left - KEPT_BYTES < all / 4,
      `round ${round}: ${left} of ${all} bytes are left for a tenth of the states`,
    );
    for (const state of states) state.dispose();
  }
  model.dispose();
});
