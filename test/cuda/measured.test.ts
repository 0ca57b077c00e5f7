/** Measured kernels beside the model: each label that the bench prints is one of the model's, and GPUs are known by name. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compareWithModel, modelOfGpu } from "../../scripts/cuda/measured.ts";
import { LAUNCHES } from "../../scripts/cuda/workload.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const { resources } = JSON.parse(read("docs/benchmarks/cuda.json"));

test("GPUs are known by the names that their driver gives", () => {
  assert.equal(modelOfGpu("NVIDIA A100-SXM4-80GB")?.name, "A100 80 GB SXM");
  assert.equal(modelOfGpu("NVIDIA GeForce RTX 4090")?.name, "RTX 4090");
  assert.equal(modelOfGpu("NVIDIA H100 80GB HBM3")?.name, "H100 SXM");
  assert.equal(modelOfGpu("NVIDIA H200")?.name, "H200 SXM");
  assert.equal(modelOfGpu("NVIDIA T4"), undefined);
  assert.equal(modelOfGpu("NVIDIA RTX A1000"), undefined);
});

test("what the bench times is what the model counts", () => {
  const source = read("native/test/cuda/gpu/gpu_bench.cc");
  const labels = [...source.matchAll(/report\.add\("([^"]+)"(?: \+ name)?/g)].flatMap(([, label = ""]) =>
    label.endsWith(", ") ? ["bf16", "int8", "int4"].map((format) => label + format) : [label],
  );
  const seconds = Object.fromEntries(labels.map((label) => [label, 1e-3]));
  const rows = compareWithModel({ gpu: "NVIDIA H100 80GB HBM3", seconds }, resources);
  for (const { label, modelledSeconds } of rows)
    assert.ok(modelledSeconds !== null && modelledSeconds > 0 && modelledSeconds < 0.1, label);
  const counted = Object.values(LAUNCHES).flat();
  const unmeasured = counted.filter(
    ({ label }) => !labels.some((name) => label === name || label.startsWith(`${name}, `)),
  );
  assert.deepEqual(unmeasured, []);
});

test("a GPU that the model does not know is measured alone", () => {
  assert.deepEqual(compareWithModel({ gpu: "NVIDIA T4", seconds: { SSD: 1 } }, resources), [
    { label: "SSD", measuredSeconds: 1, modelledSeconds: null },
  ]);
});
