import assert from "node:assert/strict";
import { test } from "node:test";
import { type OfferFacts, offersOf } from "../../../extension/models/offers.ts";
import { TimeLeft } from "../../../extension/models/timeLeft.ts";
import { CATALOGUE } from "../../../protocol/catalogue.ts";

const GIB = 2 ** 30;
const listing = { repository: "a/b", revision: "", licence: "", files: [] };

function offers(facts: Partial<OfferFacts>) {
  const room = { freeBytes: 16 * GIB, bytesPerSecond: 20e9 };
  return offersOf({ current: "", shelved: new Map(), measured: new Map(), room, ...facts });
}

test("the embedded model is the first, and completes as long as no other is named", () => {
  const [first] = offers({});
  assert.deepEqual([first?.name, first?.icon, first?.description], ["", "check", "completes now"]);
});

test("what fits comes from the largest to the smallest, what does not fit last", () => {
  const few = offers({ room: { freeBytes: GIB, bytesPerSecond: 20e9 } }).slice(1);
  assert.deepEqual(
    few.map(({ name, group }) => [name, group.includes("too large")]),
    [
      ["qwen2.5-coder-0.5b", false],
      ["granite-4.0-h-350m", false],
      ["falcon-h1-tiny-coder-90m", false],
      ["qwen3.5-0.8b", true],
      ["granite-4.0-h-1b", true],
    ],
  );
});

test("without a server nothing is said of speed, and nothing is too large", () => {
  const all = offers({ room: undefined });
  assert.ok(
    all.every(({ group, detail }) => !group.includes("too large") && !detail.includes("a line here")),
  );
});

test("a fetched one is here, with its size; the one that completes says so", () => {
  const shelved = new Map([["granite-4.0-h-350m", { kind: "whole", bytes: 5 * 2 ** 20 } as const]]);
  const [, here] = offers({ shelved });
  assert.deepEqual([here?.group, here?.icon, here?.description], ["On this machine", "database", "5.0 MiB"]);
  const [, used] = offers({ shelved, current: "granite-4.0-h-350m" });
  assert.deepEqual([used?.icon, used?.description], ["check", "completes now"]);
});

test("a paused one says how far it is", () => {
  const shelved = new Map([["granite-4.0-h-350m", { kind: "part", bytes: 25, of: 100, listing } as const]]);
  const paused = offers({ shelved }).find(({ name }) => name === "granite-4.0-h-350m");
  assert.deepEqual([paused?.icon, paused?.description], ["debug-pause", "paused at 25 % of 100 B"]);
});

test("the time of a line is an estimate until it is measured", () => {
  const name = "granite-4.0-h-350m";
  const detail = (facts: Partial<OfferFacts>) =>
    offers(facts).find((offer) => offer.name === name)?.detail ?? "";
  assert.match(detail({}), /^about 199 ms a line here \(estimate\) ·/);
  assert.match(
    detail({ measured: new Map([[name, { msPerLine: 88, device: "cpu" }]]) }),
    /^88 ms a line here ·/,
  );
});

test("a path of the person's own is offered as what completes", () => {
  const own = offers({ current: "/models/mine.gguf" }).at(-1);
  assert.deepEqual([own?.label, own?.group, own?.icon], ["mine.gguf", "On this machine", "check"]);
});

test("every name may be a folder's, on every system", () => {
  for (const { name } of CATALOGUE) assert.match(name, /^[a-z0-9][a-z0-9.-]*$/);
});

test("the time left is of the last seconds' speed", () => {
  let nowMs = 0;
  const left = new TimeLeft(() => nowMs);
  assert.equal(left.say(0, 1024), "0 B of 1 KiB");
  nowMs = 2000;
  assert.equal(left.say(256, 1024), "256 B of 1 KiB, 6 s left");
  nowMs = 20_000;
  assert.equal(left.say(256, 1024), "256 B of 1 KiB");
});
