import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Context } from "../../extension/context.ts";
import { fake } from "./fakes/vscode.ts";

const { deleteCounts, openCounts } = await import("../../extension/counts.ts");
const { Meter } = await import("../../extension/meter.ts");

const FILE = "storage/counts/completions.json";
let asked: string[] = [];

function context(life: "running" | "stopped"): Context {
  return {
    extension: { globalStorageUri: "storage" },
    client: {
      life: { kind: life },
      request: async ({ method }: { readonly method: string }) => void asked.push(method),
    },
  } as unknown as Context;
}

beforeEach(() => {
  asked = [];
  fake.files = new Set([FILE]);
  fake.informed = [];
  fake.shownDocuments = [];
  fake.choice = undefined;
});

for (const { name, life, isThere, requests, shown } of [
  { name: "is brought up to date first", life: "running", isThere: true, requests: 1, shown: [FILE] },
  { name: "opens while no server runs", life: "stopped", isThere: true, requests: 0, shown: [FILE] },
  { name: "is missed where nothing was counted", life: "running", isThere: false, requests: 1, shown: [] },
] as const) {
  test(`the file of the counts ${name}`, async () => {
    if (!isThere) fake.files.clear();
    await openCounts(context(life));
    assert.deepEqual(asked, Array(requests).fill("stateline/saveCounts"));
    assert.deepEqual(fake.shownDocuments, shown);
    assert.equal(fake.informed.length, isThere ? 0 : 1);
  });
}

for (const { name, life, choice, requests, isLeft } of [
  {
    name: "not when the person thinks better of it",
    life: "running",
    choice: undefined,
    requests: [],
    isLeft: true,
  },
  {
    name: "by the server that counts",
    life: "running",
    choice: "Delete",
    requests: ["stateline/deleteCounts"],
    isLeft: true,
  },
  { name: "by itself while no server runs", life: "stopped", choice: "Delete", requests: [], isLeft: false },
] as const) {
  test(`the counts are deleted: ${name}`, async () => {
    fake.choice = choice;
    await deleteCounts(context(life));
    assert.deepEqual(asked, requests);
    assert.equal(fake.files.has(FILE), isLeft);
  });
}

test("nothing is deleted, and nothing said, where there is no file and no server", async () => {
  fake.files.clear();
  fake.choice = "Delete";
  await deleteCounts(context("stopped"));
  assert.deepEqual([asked, fake.errors], [[], []]);
});

test("the meter has the time of the last answer and what the server counts", async () => {
  const meter = new Meter();
  await meter.measure(
    () => null,
    () => false,
  );
  assert.deepEqual(meter.figures, { counts: undefined, lastLatencyMs: 0 });
  await meter.measure(
    () => [],
    () => true,
  );
  const counts = { shown: 2, accepted: 1, characters: 7 };
  meter.counted(counts);
  assert.equal(meter.figures.counts, counts);
  assert.ok(meter.figures.lastLatencyMs > 0);
  meter.counted(undefined);
  assert.equal(meter.figures.counts, undefined);
});
