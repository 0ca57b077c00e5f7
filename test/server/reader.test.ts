import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { STATE_TOKENS } from "../../server/repository/budget.ts";
import { ReadingPlan } from "../../server/repository/readingPlan.ts";
import type { WorkspaceFile } from "../../server/repository/sources.ts";
import type { FakeRecall } from "./fakes/engine.ts";
import { folder, memoryOf } from "./fakes/memory.ts";

type Subject = Awaited<ReturnType<typeof memoryOf>>;

async function started(roots: string[], storage?: string): Promise<Subject> {
  const subject = await memoryOf(roots, storage);
  await subject.memory.read(subject.settings, { fromDisk: true });
  return subject;
}

const filesOf = ({ memory }: Subject) =>
  Object.fromEntries([...memory.files].map(([path, { hash }]) => [path, hash] as const).sort());
const namesOf = (subject: Subject, root: string) =>
  Object.keys(filesOf(subject)).map((path) => relative(root, path));

/** As many tokens as a small source file has. */
const source = (name: string) => `${`export const ${name} = "${"some text ".repeat(5)}";\n`.repeat(20)}`;

type Move = readonly [string, string[], (root: string) => void, string[]];
const moves: readonly Move[] = [
  [
    "deleted: its files are forgotten",
    ["old"],
    (root) => rmSync(join(root, "old"), { recursive: true }),
    ["c.ts"],
  ],
  [
    "renamed: its files are read where they are",
    ["old", "new"],
    (root) => renameSync(join(root, "old"), join(root, "new")),
    ["c.ts", "new/a.ts", "new/deep/b.ts"],
  ],
  [
    "moved in: its files are read, but what is ignored",
    ["in"],
    (root) => {
      mkdirSync(join(root, "in/out"), { recursive: true });
      writeFileSync(join(root, "in/d.ts"), "const d;\n");
      writeFileSync(join(root, "in/out/e.ts"), "const e;\n");
    },
    ["c.ts", "in/d.ts", "old/a.ts", "old/deep/b.ts"],
  ],
  ...["prod.env", "data.bin", "package-lock.json"].map(
    (name): Move => [
      `renamed to ${name}, which no file that is read has`,
      ["old", name],
      (root) => renameSync(join(root, "old"), join(root, name)),
      ["c.ts", `${name}/a.ts`, `${name}/deep/b.ts`],
    ],
  ),
  [
    "replaced by a file",
    ["old"],
    (root) => {
      rmSync(join(root, "old"), { recursive: true });
      writeFileSync(join(root, "old"), "now a file\n");
    },
    ["c.ts", "old"],
  ],
];
for (const [name, told, move, expected] of moves) {
  test(`a folder that is told as one event is ${name}`, async (t) => {
    const files = { "old/a.ts": "const a;\n", "old/deep/b.ts": "const b;\n", "c.ts": "const c;\n" };
    const root = folder(t, { ...files, ".gitignore": "out/\n" });
    const subject = await started([root]);
    move(root);
    for (const path of told) subject.memory.noteChange(join(root, path));
    await subject.memory.settled();
    assert.deepEqual(namesOf(subject, root), [".gitignore", ...expected]);
    assert.deepEqual(filesOf(subject), filesOf(await started([root])));
    assert.equal(subject.recalled().length, expected.length + 1);
  });
}

test("a change that is told by a path through a link is one of the file there, and read once", async (t) => {
  const root = folder(t, { "src/a.ts": "const a;\n", "b.ts": "const b;\n" });
  symlinkSync(join(root, "src"), join(root, "link"));
  const subject = await started([root]);
  const before = subject.text();
  writeFileSync(join(root, "src/a.ts"), "const changed;\n");
  for (let i = 0; i < 2; i++) {
    subject.memory.noteChange(join(root, "link/a.ts"));
    await subject.memory.settled();
  }
  assert.equal(subject.text(), `${before}src/a.ts\nconst changed;\n`);
  assert.deepEqual(namesOf(subject, root), ["b.ts", "src/a.ts"]);
});

test("the index knows the kinds of the tokenizer's tokens", async (t) => {
  const { memory, tokenizer } = await started([folder(t, { "a.ts": source("a") })]);
  assert.deepEqual((memory.recall as FakeRecall).kinds, tokenizer.kinds);
});

test("events in ignored folders and outside the workspace cause no reading", async (t) => {
  const root = folder(t, { ".gitignore": "dist/\n", "a.ts": "const a;\n" });
  const subject = await started([root]);
  const advances = subject.model.advanced.length;
  mkdirSync(join(root, "dist"));
  for (let i = 0; i < 500; i++) {
    writeFileSync(join(root, `dist/f${i}.js`), source(`f${i}`));
    subject.memory.noteChange(join(root, `dist/f${i}.js`));
    subject.memory.noteChange(join(root, `node_modules/m/f${i}.js`));
    subject.memory.noteChange(`/elsewhere/f${i}.js`);
  }
  await subject.memory.settled();
  assert.equal(subject.model.advanced.length, advances);
  assert.equal(subject.memory.generation, 1);
  assert.ok(!subject.lines.some((line) => line.includes("dist")));
});

/** How often the state was read anew beside the one that served. */
const renewalsOf = ({ lines }: Subject) =>
  lines.filter((line) => line.startsWith("Read the state anew")).length;

test("versions of one file do not pile up in the state", async (t) => {
  const root = folder(t, Object.fromEntries(["a", "b", "c"].map((name) => [`${name}.ts`, source(name)])));
  const subject = await started([root]);
  const { tokens } = subject.memory.files.get(join(root, "a.ts")) ?? { tokens: 0 };
  const saves = Math.ceil((5 * STATE_TOKENS) / tokens);
  for (let i = 0; i < saves; i++) {
    writeFileSync(join(root, "a.ts"), source(`a${i % 10}`));
    subject.memory.noteChange(join(root, "a.ts"));
    await subject.memory.settled();
    const { tokenCount } = subject.memory.state;
    assert.ok(tokenCount <= 2 * STATE_TOKENS, `${tokenCount} tokens after save ${i}`);
    assert.equal(subject.recalled().length, 3);
  }
  assert.ok(renewalsOf(subject) >= 1 && renewalsOf(subject) <= 5, String(renewalsOf(subject)));
  assert.equal(subject.memory.generation, 1);
  assert.equal(subject.model.living, 1);
});

const switches: readonly [string, number, number][] = [
  ["a few of many files are appended", 5, 0],
  ["most of the files: all are in the index, and the state is read anew, once", 200, 1],
];
for (const [name, changed, renewals] of switches) {
  test(`files that are switched together: ${name}`, async (t) => {
    const names = Array.from({ length: 200 }, (_, i) => `src/f${i}.ts`);
    const root = folder(t, Object.fromEntries(names.map((path, i) => [path, source(`f${i}`)])));
    const subject = await started([root]);
    for (const [i, path] of names.entries()) {
      if (i < changed) writeFileSync(join(root, path), source(`other${i}`));
      subject.memory.noteChange(join(root, path));
    }
    await subject.memory.settled();
    assert.equal(renewalsOf(subject), renewals);
    const afresh = await started([root]);
    assert.deepEqual(filesOf(subject), filesOf(afresh));
    assert.deepEqual(subject.recalled().sort(), afresh.recalled().sort());
  });
}

test("while the state is read anew the one before serves, and what is saved meanwhile is in the new one", async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `f${i}.ts`);
  const root = folder(t, Object.fromEntries(names.map((path, i) => [path, source(`f${i}`)])));
  const subject = await started([root]);
  const { memory, model } = subject;
  const before = memory.state;
  for (const [i, path] of names.entries()) writeFileSync(join(root, path), source(`other${i}`));
  for (const path of names) memory.noteChange(join(root, path));
  let release = () => {};
  model.gate = new Promise((resolve) => {
    release = resolve;
  });
  const settled = memory.settled();
  while (!subject.lines.some((line) => line.includes("read anew"))) await new Promise(setImmediate);
  assert.equal(subject.recalled().filter((text) => text.includes("other")).length, 200);
  assert.equal(memory.state, before);
  writeFileSync(join(root, "f0.ts"), "export const savedMeanwhile = 1;\n");
  memory.noteChange(join(root, "f0.ts"));
  const settledAgain = memory.settled();
  release();
  await Promise.all([settled, settledAgain]);
  assert.match(subject.text(), /other199.*savedMeanwhile/s);
  assert.deepEqual(filesOf(subject), filesOf(await started([root])));
  assert.equal(memory.generation, 1);
  assert.equal(model.living, 1);
});

test("files that are switched to and back again cause no reading", async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `f${i}.ts`);
  const root = folder(t, Object.fromEntries(names.map((path, i) => [path, source(`f${i}`)])));
  const subject = await started([root]);
  const advances = subject.model.advanced.length;
  for (const path of names) subject.memory.noteChange(join(root, path));
  await subject.memory.settled();
  assert.equal(subject.model.advanced.length, advances);
});

test("a first reading that is cut off leaves nothing on disk, and is whole after a restart", async (t) => {
  const names = Array.from({ length: 100 }, (_, i) => `src/f${i}.ts`);
  const root = folder(t, Object.fromEntries(names.map((path, i) => [path, source(`f${i}`)])));
  const storage = folder(t);
  const first = await memoryOf([root], storage, { saveMs: 0 });
  const reading = first.memory.read(first.settings, { fromDisk: true });
  while (first.memory.progress.tokensRead < 5000) await new Promise((resolve) => setImmediate(resolve));
  await first.memory.flush();
  first.memory.dispose();
  await reading;
  assert.deepEqual(readdirSync(storage), []);
  const second = await started([root], storage);
  assert.equal(second.memory.wasRestored, false);
  const whole = await started([root]);
  assert.deepEqual(filesOf(second), filesOf(whole));
  assert.deepEqual(second.recalled().sort(), whole.recalled().sort());
});

for (const changed of [0, 3, 90]) {
  test(`after a restart with ${changed} of 100 files changed the index is whole, and the model reads only what it must`, async (t) => {
    const names = Array.from({ length: 100 }, (_, i) => `src/f${i}.ts`);
    const root = folder(t, Object.fromEntries(names.map((path, i) => [path, source(`f${i}`)])));
    const storage = folder(t);
    const first = await started([root], storage);
    await first.memory.settled();
    const before = first.text();
    first.memory.dispose();
    for (let i = 0; i < changed; i++) writeFileSync(join(root, `src/f${i}.ts`), source(`other${i}`));
    const second = await started([root], storage);
    await second.memory.settled();
    const afresh = await started([root]);
    assert.ok(second.memory.wasRestored);
    assert.deepEqual(filesOf(second), filesOf(afresh));
    assert.deepEqual(second.recalled().sort(), afresh.recalled().sort());
    if (changed === 0) assert.equal(second.model.advanced.length, 0);
    if (changed < 10) assert.ok(second.text().startsWith(before));
    assert.equal(renewalsOf(second), changed < 10 ? 0 : 1);
    assert.equal(second.model.living, 1);
  });
}

test("a folder of the workspace inside another one is not read again at a restart", async (t) => {
  for (const order of [
    ["", "inner"],
    ["inner", ""],
  ]) {
    const root = folder(t, { "a.ts": "const a;\n", "inner/b.ts": "const b;\n" });
    const storage = folder(t);
    const roots = order.map((path) => join(root, path));
    const first = await started(roots, storage);
    await first.memory.settled();
    first.memory.dispose();
    const second = await started(roots, storage);
    assert.ok(second.memory.wasRestored);
    assert.equal(second.model.advanced.length, 0);
    assert.deepEqual(namesOf(second, root), ["a.ts", "inner/b.ts"]);
  }
});

for (const [name, other] of [
  ["ratio", { stateHeads: 5 }],
  ["window", { attentionWindow: 1 }],
  ["number of tokens", { tokensRead: 1 }],
] as const) {
  test(`a saved state of another ${name} than its description and the settings say is not used`, async (t) => {
    const root = folder(t, { "a.ts": "const a;\n" });
    const storage = folder(t);
    const first = await started([root], storage);
    await first.memory.settled();
    const path = join(storage, readdirSync(storage).find((file) => file.endsWith(".json")) ?? "");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...other }));
    const second = await started([root], storage);
    assert.equal(second.memory.wasRestored, false);
    assert.ok(second.lines.some((line) => /is not used: it has (another|read another)/.test(line)));
    await second.memory.settled();
    assert.ok((await started([root], storage)).memory.wasRestored);
  });
}

test("who waits for the save waits for the one in flight, too", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const storage = folder(t);
  const { memory, model, settings } = await memoryOf([root], storage, { saveMs: 0 });
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const serialize = model.serialize.bind(model);
  const begun = new Promise<void>((resolve) => {
    model.serialize = async (state) => {
      resolve();
      await held;
      return await serialize(state);
    };
  });
  await memory.read(settings, { fromDisk: true });
  await begun;
  const flushed = memory.flush();
  assert.deepEqual(readdirSync(storage), []);
  release();
  await flushed;
  assert.equal(readdirSync(storage).length, 3);
});

const planned = (relativePath: string, modifiedMs: number, sizeBytes: number): WorkspaceFile => ({
  path: `/r/${relativePath}`,
  relativePath,
  modifiedMs,
  sizeBytes,
  folder: 0,
});

/** Reads what is planned; each byte of a file is so many tokens. */
function readPlanned(files: readonly WorkspaceFile[], budget: number, tokensPerByte: number) {
  const plan = new ReadingPlan(files, budget);
  const read: string[] = [];
  let tokens = 0;
  for (let file = plan.next(); file; file = plan.next()) {
    const count = Math.round(file.sizeBytes * tokensPerByte);
    plan.count(file, count);
    tokens += count;
    read.push(file.relativePath);
  }
  return { read, tokens, plan };
}

for (const tokensPerByte of [0.2, 0.34, 0.5, 0.9]) {
  test(`the budget holds at ${tokensPerByte} tokens a byte, and the recent files are in it`, () => {
    const files = [
      ...Array.from({ length: 500 }, (_, i) => planned(`d/e/f${i}.ts`, i, 2000)),
      ...Array.from({ length: 400 }, (_, i) => planned(`g${i}.ts`, 1000 + i, 2000)),
      ...Array.from({ length: 40 }, (_, i) => planned(`recent${i}.ts`, 9000 + i, 2000)),
    ];
    const budget = 400_000;
    const { read, tokens, plan } = readPlanned(files, budget, tokensPerByte);
    assert.ok(tokens <= budget, String(tokens));
    assert.ok(tokens > 0.85 * budget || read.length === files.length, String(tokens));
    for (let i = 0; i < 40; i++) assert.ok(read.includes(`recent${i}.ts`), `recent${i}.ts`);
    assert.equal(plan.estimatedTokens, tokens);
  });
}

test("a log that grows is read as far as data is read: its growth changes nothing", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "server.log": "line\n".repeat(1000) });
  const subject = await started([root]);
  const advances = subject.model.advanced.length;
  for (let i = 0; i < 5; i++) {
    appendFileSync(join(root, "server.log"), "another line\n");
    subject.memory.noteChange(join(root, "server.log"));
    await subject.memory.settled();
  }
  assert.equal(subject.model.advanced.length, advances);
  utimesSync(join(root, "a.ts"), 1, 1);
  subject.memory.noteChange(join(root, "a.ts"));
  await subject.memory.settled();
  assert.equal(subject.model.advanced.length, advances);
});
