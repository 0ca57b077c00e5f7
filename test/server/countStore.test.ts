/** The counts on disk: kept, shared, bounded, private, and not believed when they are damaged. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { COUNTS_FILE, type DayCounts, NO_COUNTS } from "../../protocol/counts.ts";
import { CountStore } from "../../server/counting/countStore.ts";
import { daysIn, textOf } from "../../server/counting/countsFile.ts";

let folder: string;
let warnings: string[];

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "stateline-counts-")), "counts");
  warnings = [];
});
afterEach(() => rm(join(folder, ".."), { recursive: true, force: true }));

const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (line: string) => void warnings.push(line),
};
const NEVER_MS = 2 ** 30;
const path = () => join(folder, COUNTS_FILE);
const DAY = "2026-01-31";

function store(): CountStore {
  return new CountStore(folder, log, NEVER_MS);
}

/** Figures that are not 0, by day and language. */
async function figures(of: CountStore): Promise<unknown> {
  return (await of.days()).map((one) =>
    Object.fromEntries(
      Object.entries(one).filter(([, value]) => value !== 0 && JSON.stringify(value) !== "{}"),
    ),
  );
}

test("counts are kept over restarts, by day and language, and none is counted twice", async () => {
  const first = store();
  first.add(DAY, "python", { shown: 2, waitedMs: { 38: 2 } });
  first.add(DAY, "python", { accepted: 1, whole: 1, characters: 7 });
  first.add("2026-01-30", "go", { shown: 1, refused: 1 });
  await first.flush();
  await first.flush();
  const second = store();
  second.add(DAY, "python", { shown: 1, waitedMs: { 38: 1, 76: 1 } });
  const expected = [
    { day: "2026-01-30", language: "go", shown: 1, refused: 1 },
    {
      ...{ day: DAY, language: "python", shown: 3, accepted: 1, whole: 1, characters: 7 },
      waitedMs: { 38: 3, 76: 1 },
    },
  ];
  assert.deepEqual(await figures(second), expected);
  await second.flush();
  assert.deepEqual(await figures(store()), expected);
  assert.deepEqual(warnings, []);
});

test("the file and its folder are the person's alone, and nothing else is left there", async () => {
  const one = store();
  one.add(DAY, "python", { shown: 1 });
  await one.flush();
  assert.equal((await stat(path())).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(folder), [COUNTS_FILE]);
  assert.match(
    await readFile(path(), "utf8"),
    /Nothing of it leaves the machine.*\n {2}\{"shown":1,.*"language":"python"\}\n/,
  );
});

test("servers that save at once lose nothing of each other's", async () => {
  const servers = Array.from({ length: 6 }, store);
  for (let round = 0; round < 5; round++) {
    for (const server of servers) server.add(DAY, "python", { shown: 1, pausesMs: { 108: 2 } });
    await Promise.all(servers.map((server) => server.flush()));
  }
  assert.deepEqual(await figures(store()), [
    { day: DAY, language: "python", shown: 30, pausesMs: { 108: 60 } },
  ]);
  assert.deepEqual(warnings, []);
});

test("processes that save at once lose nothing of each other's", async () => {
  const script = `
    import { CountStore } from ${JSON.stringify(join(import.meta.dirname, "../../server/counting/countStore.ts"))};
    const log = { debug() {}, info() {}, warn(line) { console.error(line); process.exitCode = 1; } };
    const store = new CountStore(${JSON.stringify(folder)}, log, ${NEVER_MS});
    for (let i = 0; i < 20; i++) { store.add("${DAY}", "go", { shown: 1 }); await store.flush(); }`;
  const ends = Array.from({ length: 3 }, async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    return (await once(child, "exit"))[0];
  });
  assert.deepEqual(await Promise.all(ends), [0, 0, 0]);
  assert.deepEqual(await figures(store()), [{ day: DAY, language: "go", shown: 60 }]);
});

for (const { name, writer, ageMs } of [
  { name: "a process that ended while it wrote", writer: deadWriter, ageMs: 0 },
  { name: "another machine, long ago", writer: () => "0123abcd-1-0123abcd", ageMs: 120_000 },
]) {
  test(`a lock that was left by ${name} is taken away`, async () => {
    const one = store();
    one.add(DAY, "python", { shown: 1 });
    await one.flush();
    const lock = `${path()}.lock`;
    await writeFile(lock, await writer());
    const at = new Date(Date.now() - ageMs);
    await utimes(lock, at, at);
    const [second, third] = [store(), store()];
    for (const server of [second, third]) server.add(DAY, "python", { shown: 1 });
    await Promise.all([second.flush(), third.flush()]);
    assert.deepEqual(await figures(store()), [{ day: DAY, language: "python", shown: 3 }]);
    assert.deepEqual(await readdir(folder), [COUNTS_FILE]);
  });
}

/** As a process of this machine named itself that has ended. */
async function deadWriter(): Promise<string> {
  const module = join(import.meta.dirname, "../../server/repository/stateFolder.ts");
  const script = `import { WRITER } from ${JSON.stringify(module)}; process.stdout.write(WRITER);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "pipe" });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  return Buffer.concat(chunks).toString();
}

test("what cannot be saved is kept, said once, and saved when it can be", async () => {
  await writeFile(folder, "a file where the folder should be");
  const one = store();
  one.add(DAY, "python", { shown: 1 });
  await one.flush();
  await one.flush();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^The counts of completions are not saved for now: /);
  await rm(folder);
  one.add(DAY, "python", { shown: 1 });
  await one.flush();
  assert.deepEqual(await figures(store()), [{ day: DAY, language: "python", shown: 2 }]);
});

test("what is deleted is gone, also what was not saved yet; another server adds only what it had not saved", async () => {
  const [one, other] = [store(), store()];
  for (const server of [one, other]) {
    server.add(DAY, "python", { shown: 5, refused: 5 });
    await server.flush();
  }
  one.add(DAY, "python", { shown: 1 });
  await one.remove();
  assert.deepEqual(await readdir(folder), []);
  assert.deepEqual(await figures(one), []);
  // An end that is taken back was deleted itself.
  other.add(DAY, "python", { accepted: 1, refused: -1 });
  await other.flush();
  assert.deepEqual(await figures(one), [{ day: DAY, language: "python", accepted: 1 }]);
  await one.remove();
  await one.remove();
  assert.deepEqual(warnings, []);
});

test("nothing is written where nothing is counted", async () => {
  const one = store();
  await one.flush();
  assert.deepEqual(await one.days(), []);
  await assert.rejects(stat(folder), /ENOENT/);
});

const COUNTED: DayCounts = { ...NO_COUNTS, day: DAY, language: "python", shown: 1 };
const file = (days: unknown): string => JSON.stringify({ version: 1, days });

for (const [name, text] of [
  ["half of it", textOf([COUNTED]).slice(0, 200)],
  ["nothing", ""],
  ["a list", "[]"],
  ["null", "null"],
  ["another version", textOf([COUNTED]).replace('"version": 1', '"version": 2')],
  ["a day that is none", file([{ ...COUNTED, day: "yesterday" }])],
  ["a language that is a path", file([{ ...COUNTED, language: "../../x" }])],
  ["a negative number", file([{ ...COUNTED, shown: -1 }])],
  ["a number that is text", file([{ ...COUNTED, shown: "1" }])],
  ["a number beyond all counting", file([{ ...COUNTED, shown: 1e12 }])],
  ["a figure missing", file([{ day: DAY, language: "python", shown: 1 }])],
  ["a step that is none", file([{ ...COUNTED, waitedMs: { "-5": 1 } }])],
  ["a step named __proto__", file([COUNTED]).replace('"waitedMs":{}', '"waitedMs":{"__proto__":1}')],
  ["a histogram that is a list", file([{ ...COUNTED, waitedMs: [1] }])],
  ["a day twice", file([COUNTED, COUNTED])],
  ["more lines than are kept", file(Array(5000).fill(COUNTED))],
  ["a file of 9 MiB", " ".repeat(9 * 2 ** 20)],
] as const) {
  test(`a damaged or hostile file counts as absent, with one sentence: ${name}`, async () => {
    const before = store();
    before.add(DAY, "python", { shown: 1 });
    await before.flush();
    await writeFile(path(), text);
    const one = store();
    assert.deepEqual(await one.days(), []);
    assert.deepEqual(await one.days(), []);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? "",
      /^The counts of completions in .*completions\.json are not used: [^\n]+\.$/,
    );
    one.add(DAY, "go", { shown: 1 });
    await one.flush();
    assert.deepEqual(await figures(store()), [{ day: DAY, language: "go", shown: 1 }]);
  });
}

test("languages of a client that sends anything are named safely", async () => {
  const one = store();
  for (const language of ["c++", "../x", "__proto__", "a".repeat(41), "", "jsx\n"])
    one.add(DAY, language, { shown: 1 });
  await one.flush();
  assert.deepEqual(
    (await store().days()).map(({ language, shown }) => [language, shown]),
    [
      ["__proto__", 1],
      ["c++", 1],
      ["other", 4],
    ],
  );
  assert.deepEqual(warnings, []);
});

test("only the latest 400 days are kept, and what is written can be read again", () => {
  const dayOf = (i: number) => new Date(Date.UTC(2025, 0, 1 + i)).toISOString().slice(0, 10);
  const all = Array.from({ length: 500 }, (_, i) => ({ ...COUNTED, day: dayOf(i) }));
  const kept = daysIn(textOf(all));
  assert.equal(kept.length, 400);
  assert.deepEqual([kept[0]?.day, kept.at(-1)?.day], [dayOf(100), dayOf(499)]);
  const many = Array.from({ length: 9000 }, (_, i) => ({ ...COUNTED, language: `l${i}` }));
  assert.equal(daysIn(textOf(many)).length, 4000);
});
