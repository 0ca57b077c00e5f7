/** Classifiers of byte sequences through the addon and its typed wrapper. */
import assert from "node:assert/strict";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { Cancelled, EngineError } from "../../server/engine/engine.ts";
import { LongRangeClassifier } from "../../server/engine/longRange.ts";
import { LONG_RANGE_PATH } from "../../server/installation.ts";
import { readTestSet } from "../../server/measure/testSet.ts";
import { goldenPath, longRangeAddonPath } from "./addon.ts";

/** Of the greatest logit of a sequence; PyTorch computes in double, the engine in single precision. */
const TRAINED_TOLERANCE = 1e-4;

const load = (name: string) =>
  LongRangeClassifier.load(longRangeAddonPath, goldenPath(`longrange/${name}`), { threads: 2 });

const someBytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 16) & 255);

test("a classifier tells what it is and answers with the logits of its classes", async () => {
  const classifier = await load("diagonal-hybrid");
  const { info } = classifier;
  assert.deepEqual([info.task, info.ssmRatio, info.family, info.threads], ["golden", 0.5, "diagonal", 2]);
  assert.deepEqual(info.classNames, ["a", "b", "c", "d", "e"]);
  assert.ok(Object.isFrozen(info));
  const [first, again] = await Promise.all([1, 2].map(() => classifier.classify(someBytes(700))));
  assert.equal(first?.logits.length, 5);
  assert.deepEqual(first, again);
  classifier.dispose();
});

test("what all state remembers is constant, what attention remembers grows", async () => {
  for (const [name, grows] of [
    ["low-rank", false],
    ["attention", true],
  ] as const) {
    const classifier = await load(name);
    const bytesAfter = async (length: number) => (await classifier.classify(someBytes(length))).memoryBytes;
    assert.equal((await bytesAfter(5000)) > (await bytesAfter(64)), grows, name);
    classifier.dispose();
  }
});

// Trained systems remember long and their logits are far apart: what random weights do not try.
test("every trained model answers the first sequences of its test set as PyTorch does", async () => {
  const golden: Record<string, number[][]> = JSON.parse(
    readFileSync(goldenPath("longrange/trained.json"), "utf8"),
  );
  const folders = globSync(join(LONG_RANGE_PATH, "*/config.json")).map(dirname);
  assert.deepEqual(
    folders.map((folder) => basename(folder)).sort(),
    Object.keys(golden).sort(),
    "after a training: .cache/venv/bin/python model/longrange/golden.py trained",
  );
  for (const folder of folders) {
    const classifier = await LongRangeClassifier.load(longRangeAddonPath, folder, { threads: 2 });
    const sequences = await readTestSet(join(dirname(folder), classifier.info.task));
    for (const [i, expected] of (golden[basename(folder)] ?? []).entries()) {
      const { logits } = await classifier.classify(sequences[i]?.bytes ?? new Uint8Array());
      const off = Math.max(...expected.map((value, c) => Math.abs(value - (logits[c] ?? Number.NaN))));
      const greatest = Math.max(...expected.map(Math.abs));
      assert.ok(
        off <= TRAINED_TOLERANCE * greatest,
        `${basename(folder)}, sequence ${i}: ${off} of ${greatest}`,
      );
    }
    classifier.dispose();
  }
});

test("a classification is cancelled before it begins and while it runs", async () => {
  const classifier = await load("attention");
  await assert.rejects(classifier.classify(someBytes(10), AbortSignal.abort()), Cancelled);
  const controller = new AbortController();
  const running = classifier.classify(someBytes(200_000), controller.signal);
  controller.abort();
  await assert.rejects(running, Cancelled);
  classifier.dispose();
});

test("wrong arguments, damaged files and a disposed classifier give one sentence each", async () => {
  const classifier = await load("low-rank");
  await assert.rejects(classifier.classify(new Uint8Array()), {
    message: "The sequence is empty; give at least one byte.",
  });
  await assert.rejects(classifier.classify([1, 2] as unknown as Uint8Array), {
    message: "bytes must be a Uint8Array.",
  });
  classifier.dispose();
  await assert.rejects(classifier.classify(someBytes(1)), { message: /was disposed; load it again/ });

  const directory = mkdtempSync(join(tmpdir(), "stateline-"));
  try {
    cpSync(goldenPath("longrange/low-rank"), directory, { recursive: true });
    truncateSync(join(directory, "model.safetensors"), 50_000);
    await assert.rejects(LongRangeClassifier.load(longRangeAddonPath, directory, { threads: 1 }), (error) => {
      assert.ok(error instanceof EngineError);
      assert.match(error.message, /model\.safetensors: .*cut off\?\); download the model again/);
      return true;
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
