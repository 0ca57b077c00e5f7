import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { STATE_TOKENS } from "../../server/repository/budget.ts";
import type { WorkspaceFile } from "../../server/repository/sources.ts";
import { byLikeness, type Focus, nearest, tailOf } from "../../server/repository/stateTail.ts";
import { folder, memoryOf } from "./fakes/memory.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const file = (relativePath: string, modifiedMs = 0, inFolder = 0): WorkspaceFile => ({
  folder: inFolder,
  path: `/r${inFolder}/${relativePath}`,
  relativePath,
  sizeBytes: 100,
  modifiedMs,
});

const focusOn = (relativePath: string, text = ""): Focus => ({
  uri: `file:///r0/${relativePath}`,
  relativePath,
  languageId: "typescript",
  text,
});

const namesOf = (files: readonly { relativePath: string }[]) => files.map(({ relativePath }) => relativePath);

test("near are the files that a document imports, then those of its folder, then those around", () => {
  const files = ["docs/x/y.md", "src/a/b.ts", "src/a/here.ts", "src/c.ts", "lib/far/far.ts"].map((path) =>
    file(path),
  );
  const focus = focusOn("src/a/here.ts", 'import { far } from "../../lib/far/far.js";\n');
  assert.deepEqual(namesOf(nearest(files, focus)), [
    "lib/far/far.ts",
    "src/a/b.ts",
    "src/c.ts",
    "docs/x/y.md",
  ]);
});

test("of files that are as near, those that changed last count", () => {
  const files = [file("a.ts", 1), file("b.ts", 3), file("c.ts", 2)];
  assert.deepEqual(namesOf(nearest(files, focusOn("here.ts"))), ["b.ts", "c.ts", "a.ts"]);
});

test("a bounded number of a large folder's files is near", () => {
  const files = Array.from({ length: 5000 }, (_, i) => file(`f${i}.ts`, i));
  const near = nearest(files, focusOn("here.ts"));
  assert.ok(near.length >= 8 && near.length <= 64, String(near.length));
});

const likenesses: readonly [string, number[], number[][], number[]][] = [
  [
    "more in common",
    [1, 2, 3],
    [
      [7, 8],
      [1, 9],
      [1, 2, 9],
    ],
    [2, 1, 0],
  ],
  [
    "a rare token in common counts for more",
    [1, 5],
    [
      [5, 6],
      [5, 7],
      [1, 8],
    ],
    [2, 0, 1],
  ],
  [
    "of a long text and a short one with the same in common the short one",
    [1],
    [
      [1, 2, 3, 4, 5, 6],
      [1, 2],
    ],
    [1, 0],
  ],
  ["nothing to compare with", [], [[1], [2]], [0, 1]],
];
for (const [name, wanted, texts, expected] of likenesses) {
  test(`likest first: ${name}`, () => {
    const files = texts.map((tokens, i) => ({ file: file(`${i}`), tokens }));
    assert.deepEqual(
      byLikeness(files, wanted).map((one) => Number(one.file.relativePath)),
      expected,
    );
  });
}

async function tailFor(files: readonly WorkspaceFile[], focus?: Focus, tokensEach = 1024, mostTokens = 8192) {
  const tail = await tailOf({
    files,
    focus,
    mostTokens,
    tokenizer: await fakeTokenizer(),
    beginningOf: async ({ relativePath }, most) =>
      relativePath.endsWith("gone.ts") ? undefined : new Array<number>(Math.min(most, tokensEach)).fill(1),
  });
  return namesOf(tail.map((one) => one.file));
}

test("without a document the state reads what changed last, last", async () => {
  const files = Array.from({ length: 40 }, (_, i) => file(`src/f${i}.ts`, i));
  assert.deepEqual(await tailFor(files, undefined, 2048, 4096), [
    "src/f36.ts",
    "src/f37.ts",
    "src/f38.ts",
    "src/f39.ts",
  ]);
});

test("what is near is read last, what changed last before it where there is room; the document itself is not read", async () => {
  const files = [
    ...Array.from({ length: 40 }, (_, i) => file(`far/f${i}.ts`, i)),
    file("src/a.ts"),
    file("src/here.ts"),
  ];
  const tail = await tailFor(files.concat(file("src/gone.ts")), focusOn("src/here.ts"), 300);
  assert.equal(tail.at(-1), "src/a.ts");
  assert.ok(!tail.includes("src/here.ts") && !tail.includes("src/gone.ts"));
  assert.ok(tail.length >= 20 && tail.length <= 28, String(tail.length));
});

test("where few tokens are read they are the beginnings of four files", async () => {
  const files = Array.from({ length: 40 }, (_, i) => file(`src/f${i}.ts`, i));
  assert.equal((await tailFor(files, undefined, 2048, 500)).length, 4);
});

test("a folder's files are together, and that of the last one is last", async () => {
  const files = [file("a.ts", 4, 1), file("b.ts", 3, 0), file("c.ts", 2, 1), file("d.ts", 1, 0)];
  assert.deepEqual(await tailFor(files), ["b.ts", "d.ts", "c.ts", "a.ts"]);
});

/** Two parts of a repository, each with names of its own. */
const part = (name: string, i: number) => `export const ${name}${i} = "${name} ${name}";\n`.repeat(100);
const parts = Object.fromEntries(
  ["left", "right"].flatMap((name) =>
    Array.from({ length: 30 }, (_, i) => [`${name}/f${i}.ts`, part(name, i)]),
  ),
);

async function readParts(root: string, storage?: string) {
  const subject = await memoryOf([root], storage);
  await subject.memory.read(subject.settings, { fromDisk: true });
  const turnTo = async (relativePath: string) =>
    await subject.memory.turnTo({ ...focusOn(relativePath, part(relativePath.split("/")[0] ?? "", 0)) });
  const last = () => subject.text().split("\n").at(-2) ?? "";
  return { ...subject, turnTo, last };
}

test("a person who goes to another part has the state read for it, once; it goes on from there", async (t) => {
  const root = folder(t, parts);
  const { memory, model, turnTo, last } = await readParts(root);
  for (const name of ["left", "right", "left"]) {
    assert.equal(await turnTo(`${name}/f0.ts`), true);
    assert.match(last(), new RegExp(name));
    assert.ok(memory.state.tokenCount <= STATE_TOKENS + 100);
    const advances = model.advanced.length;
    assert.equal(await turnTo(`${name}/f0.ts`), false);
    assert.equal(model.advanced.length, advances);
  }
  // Contexts that were read after the state before may be gone on with.
  assert.equal(memory.generation, 1);
  writeFileSync(join(root, "right/f1.ts"), "export const saved = 1;\n");
  memory.noteChange(join(root, "right/f1.ts"));
  await memory.settled();
  assert.match(last(), /saved/);
  assert.equal(model.living, 1);
});

test("while the state is read for another part the one before serves; a request for a completion ends that", async (t) => {
  const { memory, model, turnTo, last } = await readParts(folder(t, parts));
  await turnTo("left/f0.ts");
  const before = memory.state;
  let release = () => {};
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const held = () => {
    begun();
    return gate;
  };
  Object.defineProperty(model, "gate", { configurable: true, get: held });
  const turned = turnTo("right/f0.ts");
  await isBegun;
  assert.equal(memory.state, before);
  memory.giveWay();
  release();
  assert.equal(await turned, false);
  assert.equal(memory.state, before);
  assert.equal(model.living, 1);
  Object.defineProperty(model, "gate", { value: Promise.resolve() });
  assert.equal(await turnTo("right/f0.ts"), true);
  assert.match(last(), /right/);
  assert.equal(model.living, 1);
});

test("who goes to a document while everything is read first has the state read for it then", async (t) => {
  const subject = await memoryOf([folder(t, parts)]);
  const reading = subject.memory.read(subject.settings, { fromDisk: false });
  const turned = subject.memory.turnTo(focusOn("left/f0.ts", part("left", 0)));
  await reading;
  const advances = subject.model.advanced.length;
  assert.equal(await turned, false);
  assert.equal(subject.model.advanced.length, advances);
  assert.match(subject.text().split("\n").at(-2) ?? "", /left/);
});

test("the state that was read for a part is there after a restart, and nothing is read again", async (t) => {
  const root = folder(t, parts);
  const storage = folder(t);
  const first = await readParts(root, storage);
  await first.turnTo("left/f0.ts");
  await first.memory.settled();
  const { text, memory } = first;
  const before = text();
  memory.dispose();
  const second = await readParts(root, storage);
  assert.ok(second.memory.wasRestored);
  assert.equal(second.text(), before);
  assert.deepEqual(second.recalled().sort(), first.recalled().sort());
  assert.equal(second.model.advanced.length, 0);
});
