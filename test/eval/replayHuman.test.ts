import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { randomSource } from "../../scripts/eval/random.ts";
import type { Answerer, Asked, TypedDocument } from "../../scripts/eval/replay/answerer.ts";
import { asidesOf } from "../../scripts/eval/replay/asides.ts";
import { wordOfTheFile } from "../../scripts/eval/replay/baselines.ts";
import type { FileEdits } from "../../scripts/eval/replay/edits.ts";
import { Eyes, type View } from "../../scripts/eval/replay/eyes.ts";
import { replayFigures } from "../../scripts/eval/replay/figures.ts";
import { answersOf } from "../../scripts/eval/replay/inProcess.ts";
import { Kept } from "../../scripts/eval/replay/kept.ts";
import { fastPace, humanPace, type Pace } from "../../scripts/eval/replay/pauses.ts";
import { replay } from "../../scripts/eval/replay/session.ts";
import { beginWriting } from "../../scripts/eval/replay/typing.ts";

const FILE: FileEdits = {
  path: "a.ts",
  language: "TypeScript",
  languageId: "typescript",
  text: "one\n",
  edits: [
    { line: 1, removed: 0, added: ["alpha beta gamma delta", "epsilon zeta eta theta"], isTyped: true },
  ],
};
const NEWER = "one\nalpha beta gamma delta\nepsilon zeta eta theta\n";
const KEYS = NEWER.length - "one\n".length;

/** Says what happens; answers when it is told to, or never. */
class Noted implements Answerer {
  readonly events: string[] = [];
  readonly texts: string[] = [];
  readonly #answers: boolean;

  constructor(answers: boolean) {
    this.#answers = answers;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  change({ text }: TypedDocument): Promise<void> {
    this.texts.push(text);
    return Promise.resolve();
  }

  ask(_: TypedDocument, cursor: number, signal?: AbortSignal): Promise<Asked | undefined> {
    this.events.push(`ask ${cursor}`);
    if (this.#answers) return Promise.resolve({ shown: undefined, ms: 1, isCached: false });
    return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(undefined)));
  }

  rest(_: TypedDocument, cursor: number): Promise<void> {
    this.events.push(`rest ${cursor}`);
    return Promise.resolve();
  }

  save({ text }: TypedDocument): Promise<void> {
    this.events.push(`save ${text.length}`);
    return Promise.resolve();
  }

  usage() {
    return { cpuSeconds: undefined, residentBytes: undefined };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const atOnce = () => Promise.resolve();

function paced(pauseMs: number, savesAfterMs?: number): Pace {
  const real = { wait: atOnce, savesAfterMs };
  return { pauseMs: () => pauseMs, readingMs: 300, asides: () => [], jump: atOnce, real };
}

test("The cursor is put down and rests before the edit; the file is saved when it is finished", async () => {
  const answerer = new Noted(true);
  await replay("r", [FILE], answerer, paced(100));
  assert.equal(answerer.events[0], "rest 3");
  assert.equal(answerer.events.at(-1), `save ${NEWER.length}`);
  assert.equal(answerer.events.filter((one) => one.startsWith("save")).length, 1);
});

test("Automatic saving follows each pause that is long enough", async () => {
  const saves = async (pauseMs: number) => {
    const answerer = new Noted(true);
    await replay("r", [FILE], answerer, paced(pauseMs, 1000));
    return answerer.events.filter((one) => one.startsWith("save")).length;
  };
  assert.equal(await saves(999), 1);
  assert.equal(await saves(1001), KEYS + 1);
});

test("A question without an answer is cancelled by the next key", async () => {
  const answerer = new Noted(false);
  const records = await replay("r", [FILE], answerer, paced(100));
  assert.equal(records[0]?.requests, KEYS);
  assert.equal(records[0]?.cancelled, KEYS);
  assert.deepEqual(records[0]?.ms, []);
  assert.equal(answerer.texts.at(-1), NEWER);
  assert.equal(replayFigures("r", records).cancelledShare.value, 1);
});

test("Wrong keys and undoing end in the text that is wanted, and are no keys of it", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const answerer = new Noted(true);
    const pace = humanPace(seed, false, atOnce);
    const [record] = await replay("r", [FILE], answerer, pace);
    assert.equal(answerer.texts.at(-1), NEWER, `seed ${seed}`);
    assert.equal(record?.keys, KEYS, `seed ${seed}`);
    assert.equal(record?.keysAlone, KEYS, `seed ${seed}`);
  }
});

test("Beside a text there are wrong keys, corrected, and now and then an undo", () => {
  const random = randomSource(1);
  const writing = { ...beginWriting("a long enough text"), typed: "a long enou" };
  const kinds = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const asides = asidesOf(writing, random);
    const [first, last] = [asides[0], asides.at(-1)];
    if (last) assert.deepEqual(last, writing);
    const kind = !first ? "none" : first.slack !== "" ? `slip ${first.slack}` : `undo ${first.typed}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  assert.deepEqual([...kinds.keys()].sort(), ["none", "slip f", "slip h", "undo a l"]);
  assert.ok((kinds.get("slip f") ?? 0) + (kinds.get("slip h") ?? 0) > 500);
  assert.ok((kinds.get("undo a l") ?? 0) < 100);
});

test("Pauses follow the seed, and a line is thought about", () => {
  const [a, b] = [fastPace(3), fastPace(3)];
  const writing = beginWriting("x");
  const pauses = (pace: Pace) => Array.from({ length: 5 }, () => pace.pauseMs(writing));
  assert.deepEqual(pauses(a), pauses(b));
  const human = humanPace(3, true);
  const mean = (typed: string): number => {
    const all = Array.from({ length: 500 }, () => human.pauseMs({ ...writing, typed }));
    return all.reduce((sum, ms) => sum + ms, 0) / all.length;
  };
  assert.ok(mean("a") > 150 && mean("a") < 230);
  assert.ok(mean("a\n") > 1000);
});

test("A text is taken when there is time to read it, and stays while it is typed along", () => {
  const target = "alpha beta";
  const view = (typed: number, nowMs: number): View => ({
    writing: { ...beginWriting(target), typed: target.slice(0, typed) },
    ...{ nowMs, nextMs: nowMs + 150, ms: 10, line: "" },
  });
  const eyes = new Eyes(300);
  assert.equal(eyes.see(view(1, 0), "lpha", true), false);
  assert.equal(eyes.see(view(2, 150), "pha", true), false);
  eyes.seeNoAnswer(view(3, 300));
  assert.equal(eyes.see(view(4, 450), "a", true), true);
  eyes.see(view(6, 1000), "gamma", false);
  eyes.seeNoAnswer(view(7, 1100));
  const showings = eyes.close(2000);
  assert.deepEqual(
    showings.map(({ text, accepted, typedAlong }) => [text, accepted, typedAlong]),
    [
      ["lpha", true, 3],
      ["gamma", false, 1],
    ],
  );
});

const WORDS: readonly (readonly [text: string, shown: string])[] = [
  ["alphabet alpine alpine al|", "pine"],
  ["alpha alphabet al|", "phabet"],
  ["alpha a|", ""],
  ["alpha al|x", ""],
  ["beta al|", ""],
  ["$value $va|;", "lue"],
];

for (const [text, shown] of WORDS) {
  test(`A file's own words at ${text}: ${shown || "nothing"}`, () => {
    assert.equal(wordOfTheFile(text.replace("|", ""), text.indexOf("|")), shown);
  });
}

test("A baseline is a function of the document and is replayed as the server is", async () => {
  const begin = answersOf(
    () =>
      ({ text }, cursor) =>
        NEWER.slice(text.slice(0, cursor).length, -1),
  );
  const answerer = await begin("");
  const [record] = await replay("r", [FILE], answerer, fastPace(1, atOnce));
  assert.equal(record?.keys, 2);
  assert.ok((answerer.usage().cpuSeconds ?? 0) >= 0);
});

test("What was found is kept until the run is complete, by its conditions", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stateline-kept-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  const find = () => Promise.resolve({ count: ++count });
  await assert.rejects(new Kept(folder).found({ seed: 9 }, () => Promise.reject(new Error("ended"))));
  assert.deepEqual(await new Kept(folder).found({ seed: 1 }, find), { count: 1 });
  const again = new Kept(folder);
  assert.deepEqual(await again.found({ seed: 1 }, find), { count: 1 });
  assert.deepEqual(await again.found({ seed: 2 }, find), { count: 2 });
  again.forget();
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(await new Kept(folder).found({ seed: 1 }, find), { count: 3 });
});
