import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { randomSource } from "../../scripts/eval/random.ts";
import type { Asked, TypedDocument } from "../../scripts/eval/replay/answerer.ts";
import { faultOf, twinFaultOf, twins } from "../../scripts/soak/faults.ts";
import { type SoakCounts, soakFigures } from "../../scripts/soak/figures.ts";
import { SoakRepository } from "../../scripts/soak/repository.ts";
import { type Trouble, type Troubled, TroubledServer } from "../../scripts/soak/trouble.ts";

const DOCUMENT: TypedDocument = { path: "a.ts", languageId: "typescript", text: "one(two)\nthree" };

function shown(text: string, start: number, end: number): Asked {
  return { shown: { text, start, end }, ms: 1, isCached: false };
}

const TEXTS: readonly (readonly [what: string, asked: Asked, cursor: number, fault: RegExp | undefined])[] = [
  ["nothing", { shown: undefined, ms: 1, isCached: false }, 4, undefined],
  ["at the cursor", shown("three", 4, 4), 4, undefined],
  ["with what is typed", shown("two, 2", 4, 7), 6, undefined],
  ["behind the cursor", shown("x", 5, 6), 4, /not at the cursor/],
  ["before the cursor", shown("x", 0, 3), 4, /not at the cursor/],
  ["beyond the document", shown("x", 14, 20), 14, /not at the cursor/],
  ["of several lines' place", shown("two)", 4, 10), 4, /several lines/],
  ["that begins with other characters", shown("x", 4, 7), 6, /does not begin with what is typed, "tw"/],
];

for (const [what, asked, cursor, fault] of TEXTS) {
  test(`A text ${what} is ${fault ? "a fault" : "none"}`, () => {
    const found = faultOf(asked, DOCUMENT, cursor);
    if (fault) assert.match(found ?? "", fault);
    else assert.equal(found, undefined);
  });
}

test("Twins have no word in common, and one's word in the other's answer is a fault", () => {
  const [a, b] = twins(3);
  assert.ok(a && b);
  assert.ok(!a.document.text.includes(b.word) && !b.document.text.includes(a.word));
  const end = a.document.text.length;
  assert.equal(twinFaultOf(shown(`${a.word}Step(12`, end, end), a), undefined);
  assert.match(twinFaultOf(shown(`${b.word}Step(12`, end, end), a) ?? "", /is of the document with/);
});

const COUNTS: SoakCounts = {
  ...{ keys: 100, requests: 60, cancelled: 3, twins: 1, switches: 2, faults: [], recoveriesMs: [900, 1100] },
  residentMiB: [100, 100, 103, 103],
};

test("A session is good when nothing wrong was shown, crashes were short and memory is flat", () => {
  const { failures, growth, recoveryMs } = soakFigures(COUNTS);
  assert.deepEqual(failures, []);
  assert.ok(Math.abs(growth - 0.03) < 0.001);
  assert.equal(recoveryMs.most, 1100);
});

const BAD: readonly (readonly [Partial<SoakCounts>, RegExp])[] = [
  [{ faults: ["a.ts at 3: x"] }, /1 wrong texts were shown, the first: a\.ts at 3: x/],
  [{ recoveriesMs: [900, 2001] }, /1 of 2 crashes took more than 2000 ms/],
  [{ residentMiB: [100, 100, 106, 106] }, /memory went from 100 to 106 MiB/],
  [{ residentMiB: [] }, /memory went from NaN to NaN/],
];

for (const [counts, failure] of BAD) {
  test(`A session fails: ${failure.source}`, () => {
    const { failures } = soakFigures({ ...COUNTS, ...counts });
    assert.equal(failures.length, 1);
    assert.match(failures[0] ?? "", failure);
  });
}

/** Answers from memory; a killed one rejects, and a new one does not serve at its first question. */
class Fake implements Troubled {
  readonly documents = new Map<string, string>();
  readonly wrongTwin: boolean;
  #asked = 0;
  #isDead = false;

  constructor(wrongTwin = false) {
    this.wrongTwin = wrongTwin;
  }

  open({ path, text }: TypedDocument): Promise<void> {
    assert.ok(!this.documents.has(path), `${path} is opened twice`);
    this.documents.set(path, text);
    return Promise.resolve();
  }

  change({ path, text }: TypedDocument): Promise<void> {
    assert.ok(this.documents.has(path), `${path} is changed and not open`);
    this.documents.set(path, text);
    return Promise.resolve();
  }

  ask({ path, text }: TypedDocument, cursor: number, signal?: AbortSignal): Promise<Asked | undefined> {
    if (this.#isDead) return Promise.reject(new Error("dead"));
    this.#asked++;
    assert.equal(this.documents.get(path), text);
    if (signal) return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
    return Promise.resolve(shown(this.wrongTwin ? "brovinta" : "x", cursor, cursor));
  }

  figures(): Promise<unknown> {
    return Promise.resolve(this.#asked > 1 ? {} : null);
  }

  kill(): Promise<void> {
    this.#isDead = true;
    return Promise.resolve();
  }

  closeDocument(path: string): Promise<void> {
    assert.ok(this.documents.delete(path), `${path} is closed and not open`);
    return Promise.resolve();
  }

  filesChanged(): Promise<void> {
    return Promise.resolve();
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  save(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  usage() {
    return { cpuSeconds: 1, residentBytes: 1 };
  }
}

const QUIET: Trouble = { kills: 0, cancellations: 0, twins: 0 };

async function troubled(trouble: Trouble, begun: Fake[] = [], wrongTwin = false): Promise<TroubledServer> {
  const start = () => {
    begun.push(new Fake(wrongTwin));
    return Promise.resolve(begun.at(-1) as Fake);
  };
  return await TroubledServer.begin(start, trouble, randomSource(1), () => undefined);
}

test("After a crash the open documents are there again, and the time is until the model answers", async () => {
  const begun: Fake[] = [];
  const server = await troubled({ ...QUIET, kills: 1 }, begun);
  await server.open(DOCUMENT);
  const longer = { ...DOCUMENT, text: `${DOCUMENT.text}s` };
  await server.change(longer, { start: 14, end: 14, text: "s" });
  for (let i = 0; i < 8; i++) assert.equal((await server.ask(longer, 14))?.shown?.text, "x");
  assert.equal(begun.length, 9);
  assert.equal(server.recoveriesMs.length, 8);
  assert.deepEqual([...(begun.at(-1)?.documents ?? [])], [["a.ts", longer.text]]);
  server.mayKill = false;
  await server.ask(longer, 14);
  assert.equal(begun.length, 9);
});

test("Few documents are open at once, and one that is opened again was closed before", async () => {
  const begun: Fake[] = [];
  const server = await troubled(QUIET, begun);
  for (let i = 0; i < 12; i++) await server.open({ ...DOCUMENT, path: `${i}.ts` });
  await server.open({ ...DOCUMENT, path: "11.ts" });
  assert.deepEqual(
    [...(begun[0]?.documents.keys() ?? [])],
    Array.from({ length: 8 }, (_, i) => `${i + 4}.ts`),
  );
});

test("Questions are taken back, and twins are asked about and closed", async () => {
  const begun: Fake[] = [];
  const server = await troubled({ kills: 0, cancellations: 1, twins: 1 }, begun, true);
  await server.open(DOCUMENT);
  for (let i = 0; i < 3; i++) await server.ask(DOCUMENT, 14);
  assert.equal(server.cancelled, 3);
  assert.equal(server.twinRounds, 3);
  assert.equal(server.faults.length, 3);
  assert.match(server.faults[0] ?? "", /twins\/quexalum0\.ts.*is of the document with brovinta/);
  assert.deepEqual([...(begun[0]?.documents.keys() ?? [])], ["a.ts"]);
});

test("A branch has other modules at the same paths, and the packages stay", (t) => {
  const parent = mkdtempSync(join(tmpdir(), "stateline-soak-test-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const from = join(parent, "older");
  mkdirSync(from);
  writeFileSync(join(from, "a.py"), "a = 1\n");
  const repository = SoakRepository.create(join(parent, "soak"), [{ name: "package", from, to: from }], 3);
  const module = () => readFileSync(join(repository.folder, "modules/part0/module2.ts"), "utf8");
  assert.match(module(), /leftStep2/);
  const switched = repository.switchBranch();
  assert.equal(switched.length, 3);
  assert.match(module(), /rightStep2/);
  assert.equal(readFileSync(join(repository.folder, "package/a.py"), "utf8"), "a = 1\n");
  repository.switchBranch();
  assert.match(module(), /leftStep2/);
  const { stdout } = spawnSync("git", ["status", "--short"], { cwd: repository.folder, encoding: "utf8" });
  assert.equal(stdout, "");
});
