import assert from "node:assert/strict";
import { test } from "node:test";
import { drawFace, figures, readPercent, type Situation } from "../../extension/face.ts";
import type { Status } from "../../protocol/messages.ts";
import { bytes } from "../../protocol/words.ts";

const status: Status = {
  state: "ready",
  tokensRead: 48_210,
  tokensTotal: 48_210,
  stateTokens: 8150,
  weightBytes: 7_340_032,
  stateBytes: 1_572_864,
  kvBytes: 2048,
  tokensPerSecond: 5120.4,
  hybridRatio: 0.75,
  layers: { recurrent: 6, attention: 6 },
  device: "cpu (avx2, 2 threads)",
  model: "stateline",
};
const calm: Situation = {
  life: { kind: "running", status },
  enabled: true,
  language: { id: "python", completed: true },
  snoozedUntilMs: undefined,
  thinking: false,
  nowMs: 1_000_000,
};
const running = (change: Partial<Status>): Situation["life"] => ({
  kind: "running",
  status: { ...status, ...change },
});

const remote = (change: Partial<Status> = {}): Situation["life"] =>
  running({ remote: { host: "gpu.example.com", leavesMachine: true }, ...change });

const cases: readonly { name: string; change: Partial<Situation>; kind: string; says: RegExp }[] = [
  { name: "a quiet server", change: {}, kind: "ready", says: /48,210 tokens/ },
  {
    name: "a server on another machine",
    change: { life: remote() },
    kind: "ready",
    says: /sent to gpu.example.com/,
  },
  { name: "no editor open", change: { language: undefined }, kind: "ready", says: /Ready/ },
  { name: "a request under way", change: { thinking: true }, kind: "thinking", says: /being written/ },
  { name: "a server that starts", change: { life: { kind: "starting" } }, kind: "loading", says: /loading/ },
  {
    name: "a server that has said nothing",
    change: { life: { kind: "running", status: undefined } },
    kind: "loading",
    says: /loading/,
  },
  {
    name: "a model that loads",
    change: { life: running({ state: "loading" }) },
    kind: "loading",
    says: /loading/,
  },
  {
    name: "a model that rests",
    change: { life: running({ state: "resting", model: "granite 340.3M int8" }) },
    kind: "resting",
    says: /^granite 340\.3M int8 .* next key/,
  },
  {
    name: "a read under way",
    change: { life: running({ state: "reading", tokensRead: 63, tokensTotal: 100 }) },
    kind: "reading",
    says: /63 %/,
  },
  {
    name: "an engine's error",
    change: { life: running({ state: "error", message: "No model there." }) },
    kind: "error",
    says: /No model there/,
  },
  {
    name: "a server given up",
    change: { life: { kind: "failed", message: "It stopped 5 times." } },
    kind: "error",
    says: /5 times/,
  },
  {
    name: "switched off, whatever else",
    change: { enabled: false, life: { kind: "failed", message: "x" }, thinking: true },
    kind: "off",
    says: /off\./,
  },
  {
    name: "a language switched off",
    change: { language: { id: "markdown", completed: false } },
    kind: "off",
    says: /markdown/,
  },
  {
    name: "a snooze with a started minute",
    change: { snoozedUntilMs: 1_000_000 + 4 * 60_000 + 1 },
    kind: "snoozed",
    says: /5 min/,
  },
  { name: "a snooze that is over", change: { snoozedUntilMs: 999_999 }, kind: "ready", says: /Ready/ },
];

for (const { name, change, kind, says } of cases) {
  test(`the status bar with ${name} is ${kind}`, () => {
    const face = drawFace({ ...calm, ...change });
    assert.equal(face.kind, kind);
    assert.match(face.sentence, says);
    assert.match(face.text, /^\$\([a-z~-]+\) Stateline/);
  });
}

test("reading never says 100 %, nor less than nothing", () => {
  assert.equal(readPercent({ ...status, tokensRead: 120, tokensTotal: 100 }), 99);
  assert.equal(readPercent({ ...status, tokensRead: 5, tokensTotal: 0 }), 0);
});

test("figures that are not known yet are left out", () => {
  const counts = { counts: undefined, lastLatencyMs: 0 };
  const names = figures({ ...status, tokensPerSecond: 0, device: "", model: "" }, counts).map(
    ([name]) => name,
  );
  assert.deepEqual(names, ["Repository", "State", "Memory", "Hybrid ratio"]);
});

test("of a model that rests only its name is known", () => {
  const resting: Status = { ...status, state: "resting", weightBytes: 0, device: "", tokensPerSecond: 0 };
  assert.deepEqual(figures(resting, { counts: undefined, lastLatencyMs: 0 }), [["Model", "stateline"]]);
});

test("model, device, speed and memory are among the figures, and memory is told by its parts", () => {
  const all = new Map(figures(status, { counts: undefined, lastLatencyMs: 0 }));
  assert.equal(all.get("Memory"), "8.5 MiB: weights 7.0 MiB, state 1.5 MiB, cache 2 KiB");
  for (const name of ["Model", "Device", "Reading speed"]) assert.ok(all.has(name), name);
});

const layers: readonly [number, number, string][] = [
  [24, 0, "all 24 keep recurrent memory"],
  [0, 24, "all 24 attend"],
  [28, 4, "28 keep recurrent memory, 4 attend"],
];
for (const [recurrent, attention, words] of layers) {
  test(`of a model without a hybrid ratio it is said that ${words}`, () => {
    const counts = { counts: undefined, lastLatencyMs: 0 };
    const all = figures({ ...status, hybridRatio: null, layers: { recurrent, attention } }, counts);
    assert.deepEqual(
      all.filter(([name]) => ["Layers", "Hybrid ratio"].includes(name)),
      [["Layers", words]],
    );
  });
}

test("bytes are said in the unit that fits", () => {
  assert.deepEqual([512, 2048, 1_572_864].map(bytes), ["512 B", "2 KiB", "1.5 MiB"]);
});

test("the status bar names the server while text leaves the machine, and no longer", () => {
  const banner = "$(cloud-upload) gpu.example.com";
  const sending: readonly Partial<Situation>[] = [
    { life: remote() },
    { life: remote({ state: "reading" }) },
    { life: remote(), thinking: true },
    { life: remote(), snoozedUntilMs: calm.nowMs + 60_000 },
    { life: remote({ remote: { host: "gpu.example.com", leavesMachine: true, problem: "It is away." } }) },
  ];
  for (const change of sending) {
    const face = drawFace({ ...calm, ...change });
    assert.ok(face.text.endsWith(banner) && face.sendsText, face.text);
  }
  const silent: readonly Partial<Situation>[] = [
    {},
    { life: remote(), enabled: false },
    { life: remote(), language: { id: "python", completed: false } },
    { life: remote({ remote: { host: "localhost:8000", leavesMachine: false } }) },
  ];
  for (const change of silent) {
    const face = drawFace({ ...calm, ...change });
    assert.ok(!face.text.includes("cloud") && !face.sendsText, face.text);
  }
});

test("the tooltip says who answers, and why the server does not", () => {
  const row = (one: Status["remote"]) => {
    const all = figures({ ...status, ...(one && { remote: one }) }, { counts: undefined, lastLatencyMs: 0 });
    return new Map(all).get("Remote");
  };
  assert.equal(row(undefined), undefined);
  assert.match(
    row({ host: "gpu", leavesMachine: true }) ?? "",
    /^gpu, this machine's model where that is slow/,
  );
  assert.match(
    row({ host: "gpu", leavesMachine: true, problem: "gpu is away." }) ?? "",
    /^gpu is away\. This/,
  );
});

test("of a slow model the tooltip says what a state reads, and in what time", () => {
  const row = (slowReading?: Status["slowReading"]) =>
    new Map(
      figures({ ...status, ...(slowReading && { slowReading }) }, { counts: undefined, lastLatencyMs: 0 }),
    ).get("State") ?? "";
  assert.doesNotMatch(row(), /nearest/);
  assert.match(row({ tokens: 1000, seconds: 5 }), /; a new one reads the 1,000 nearest tokens, 5 s$/);
  assert.match(row({ tokens: 128, seconds: 128 }), /128 nearest tokens, 2 min$/);
});
