/** What is said of an addon or a CUDA library that cannot be loaded: one sentence, and the process lives on. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EngineError } from "../../server/engine/engine.ts";
import { loadAddon, loadNativeEngine } from "../../server/engine/native.ts";
import { remove, temporaryFolder } from "../integration/repository.ts";
import { addonPath, goldenPath } from "./addon.ts";

const whole = readFileSync(addonPath);
const onLinux = process.platform === "linux" ? {} : { skip: "other systems' loaders say it themselves" };

function fileOf(t: TestContext, name: string, bytes?: Buffer): string {
  const folder = temporaryFolder();
  t.after(() => remove(folder));
  const path = join(folder, name);
  if (bytes) writeFileSync(path, bytes);
  return path;
}

function withBytes(offset: number, ...bytes: number[]): Buffer {
  const changed = Buffer.from(whole);
  changed.set(bytes, offset);
  return changed;
}

const damaged: readonly (readonly [string, Buffer | undefined, RegExp])[] = [
  ["is not there", undefined, /is missing/],
  ["is empty", Buffer.alloc(0), /is cut short/],
  ["ends after its header", whole.subarray(0, 64), /is cut short/],
  ["ends in its middle", whole.subarray(0, whole.length / 2), /is cut short/],
  ["lacks its last byte", whole.subarray(0, -1), /is cut short/],
  ["is a page of text", Buffer.from("<!doctype html>\n".repeat(100)), /is made for another system/],
  ["is made for ARM", withBytes(18, process.arch === "arm64" ? 62 : 183, 0), /another processor/],
  [
    "lacks what it is called by",
    withBytes(whole.indexOf("napi_register_module_v1"), 0),
    /does not load \(Module did/,
  ],
];

for (const [what, bytes, said] of damaged) {
  test(`of an addon that ${what} one sentence is said, and what to do`, onLinux, (t) => {
    const path = fileOf(t, "stateline.node", bytes);
    assert.throws(
      () => loadAddon(path),
      (error) => {
        assert.ok(error instanceof EngineError);
        assert.match(error.message, said);
        assert.match(error.message, /; install the package for \S+, or build it with \.\/dev build\.$/);
        return !error.message.includes("\n");
      },
    );
  });
}

test("of a CUDA library that is cut short, too, and the processor could serve", onLinux, async (t) => {
  const library = fileOf(t, "stateline_cuda.so", whole.subarray(0, whole.length / 2));
  await assert.rejects(
    loadNativeEngine(addonPath, library).loadModel(goldenPath("tiny-f32"), { threads: 1, device: "cuda:0" }),
    {
      name: "DeviceError",
      message: `The CUDA library ${library} is cut short; build it again with ./dev build --cuda.`,
    },
  );
});
