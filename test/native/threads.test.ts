/** A system that starts no further thread: the promise is rejected, and the process goes on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { addonPath, goldenPath } from "./addon.ts";

const refuseThreads = fileURLToPath(new URL("../../native/build/librefuse_threads.so", import.meta.url));
const skip = existsSync(refuseThreads) ? false : "the library that refuses threads is built on Linux alone";

/** What the load of a model settles with, where only so many further threads start; and that of one after it. */
function loadWithThreads(allowed: number): unknown {
  const program = `
    const { createRequire } = require("node:module");
    const addon = createRequire(${JSON.stringify(import.meta.filename)})(${JSON.stringify(addonPath)});
    const directory = ${JSON.stringify(goldenPath("tiny-f32"))};
    const told = (promise) => promise.then((model) => (model.dispose(), "loaded"), ({ code, message }) => ({ code, message }));
    (async () => {
      // Node's own threads start with the first work.
      await Promise.all(Array.from({ length: 8 }, () => told(addon.loadModel("nowhere", { threads: 1 }))));
      process.env.STATELINE_REFUSE_THREADS = "${allowed}";
      const first = await told(addon.loadModel(directory, { threads: 4 }));
      delete process.env.STATELINE_REFUSE_THREADS;
      console.log(JSON.stringify([first, await told(addon.loadModel(directory, { threads: 4 }))]));
    })();`;
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ["-e", program], {
    encoding: "utf8",
    env: { ...process.env, LD_PRELOAD: refuseThreads },
  });
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: "" });
  return JSON.parse(stdout);
}

// Three helpers of the pool, then the engine's own thread.
for (const allowed of [0, 1, 2, 3]) {
  test(`where ${allowed} threads start, loading is refused with a sentence, and works again later`, {
    skip,
  }, () => {
    const refused = {
      code: "NO_RESOURCES",
      message: "The system starts no further thread; close other programs or set fewer threads.",
    };
    assert.deepEqual(loadWithThreads(allowed), [refused, "loaded"]);
  });
}
