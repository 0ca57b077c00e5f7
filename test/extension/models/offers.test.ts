import assert from "node:assert/strict";
import { test } from "node:test";
import { type OfferFacts, offersOf } from "../../../extension/models/offers.ts";
import { CATALOGUE } from "../../../protocol/catalogue.ts";

const GIB = 2 ** 30;
const listing = { repository: "a/b", revision: "", licence: "", files: [] };

function offers(facts: Partial<OfferFacts>) {
  const room = { freeBytes: 16 * GIB, bytesPerSecond: 20e9 };
  return offersOf({ current: "", shelved: new Map(), measured: new Map(), room, ...facts });
}

const named = (name: string, facts: Partial<OfferFacts>) => {
  const offer = offers(facts).find((one) => one.name === name);
  assert.ok(offer);
  return offer;
};
const GRANITE = "granite-4.0-h-350m";

test("the embedded model is the first, and completes as long as no other that is here is named", () => {
  const [first] = offers({});
  assert.deepEqual([first?.name, first?.icon, first?.description], ["", "check", "completes now"]);
  assert.equal(named("", { current: GRANITE }).description, "completes now");
  const shelved = new Map([[GRANITE, { kind: "whole", bytes: 1 } as const]]);
  assert.equal(named("", { current: GRANITE, shelved }).description, "always here");
});

test("what fits comes from the largest to the smallest, what does not fit last, with how much is missing", () => {
  const few = offers({ room: { freeBytes: GIB, bytesPerSecond: 20e9 } }).slice(1);
  assert.deepEqual(
    few.map(({ name, group }) => [name, group]),
    [
      ["qwen2.5-coder-0.5b", "fits"],
      [GRANITE, "fits"],
      ["falcon-h1-tiny-coder-90m", "fits"],
      ["qwen3.5-0.8b", "tooLarge"],
      ["granite-4.0-h-1b", "tooLarge"],
      ["qwen2.5-coder-1.5b", "tooLarge"],
      ["qwen3.5-2b", "tooLarge"],
    ],
  );
  assert.match(few.at(-1)?.detail ?? "", /^takes 1\.90 GiB of memory, 716\.8 MiB may be taken now · about /);
});

test("a model that is here and does not fit says so, unless it is the one that completes", () => {
  const room = { freeBytes: GIB / 8, bytesPerSecond: 20e9 };
  const shelved = new Map([[GRANITE, { kind: "whole", bytes: 1 } as const]]);
  assert.match(named(GRANITE, { room, shelved }).detail, /^takes .* may be taken now/);
  assert.doesNotMatch(named(GRANITE, { room, shelved, current: GRANITE }).detail, /may be taken now/);
});

test("without a server nothing is said of speed, nothing fits and nothing is too large", () => {
  const all = offers({ room: undefined }).slice(1);
  assert.ok(all.every(({ group, detail }) => group === "unknown" && !detail.includes("a line")));
});

test("a fetched one is here, with its size; the one that completes says so", () => {
  const shelved = new Map([[GRANITE, { kind: "whole", bytes: 5 * 2 ** 20 } as const]]);
  const [, here] = offers({ shelved });
  assert.deepEqual([here?.group, here?.icon, here?.description], ["here", "database", "fetched, 5.0 MiB"]);
  const used = named(GRANITE, { shelved, current: GRANITE });
  assert.deepEqual([used.icon, used.description], ["check", "completes now"]);
});

test("a paused one says how far it is, one that the settings name and is not here that they do", () => {
  const shelved = new Map([[GRANITE, { kind: "part", bytes: 25, of: 100, listing } as const]]);
  const paused = named(GRANITE, { shelved });
  assert.deepEqual([paused.icon, paused.description], ["debug-pause", "paused at 25 % of 100 B"]);
  assert.match(
    named(GRANITE, { current: GRANITE }).description,
    /^named in the settings · about .* to fetch/,
  );
});

test("the time of a line is modelled until it is measured", () => {
  const { detail } = named(GRANITE, {});
  assert.equal(
    detail,
    "about 199 ms a line, modelled for the processor · takes 374.2 MiB of memory, " +
      "1.12 GiB after 100,000 tokens · text and code, filling in",
  );
  const measured = new Map([[GRANITE, { msPerLine: 88, device: "cpu" }]]);
  assert.match(named(GRANITE, { measured }).detail, /^88 ms a line, measured on cpu · /);
  const ofShape = new Map([[GRANITE, { msPerLine: 90, device: "cpu", ofShape: true }]]);
  assert.match(
    named(GRANITE, { measured: ofShape }).detail,
    /^90 ms a line, measured with its shape on cpu · /,
  );
});

test("what is to be fetched is of the whole files, those parts that the engine does not read among them", () => {
  assert.match(named("qwen3.5-2b", {}).description, /^about 4\.24 GiB to fetch · Apache-2\.0$/);
});

test("a path of the person's own is offered as what completes", () => {
  const [, own] = offers({ current: "/models/mine.gguf" });
  assert.deepEqual([own?.label, own?.group, own?.icon], ["mine.gguf", "here", "check"]);
});

test("what is on this machine stands under one heading", () => {
  const shelved = new Map([[GRANITE, { kind: "whole", bytes: 1 } as const]]);
  const groups = offers({ current: "/models/mine.gguf", shelved }).map(({ group }) => group);
  assert.deepEqual(groups.slice(0, 4), ["here", "here", "here", "fits"]);
});

test("every name may be a folder's, on every system", () => {
  for (const { name } of CATALOGUE) assert.match(name, /^[a-z0-9][a-z0-9.-]*$/);
});
