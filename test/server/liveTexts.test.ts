import assert from "node:assert/strict";
import { test } from "node:test";
import { FileIndex } from "../../server/repository/fileIndex.ts";
import { reasonNotToComplete, type Verdict } from "../../server/repository/filePolicy.ts";
import { type Block, endOf, reblocked, standing } from "../../server/repository/liveBlocks.ts";
import { type LiveDocument, LiveTexts } from "../../server/repository/liveTexts.ts";
import type { ReadSource } from "../../server/repository/sources.ts";
import { FakeRecall, silentLog } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const READ: Verdict = { kind: "read", folder: 0, path: "/r/a.ts", relativePath: "a.ts" };
const OUTSIDE: Verdict = { kind: "outside" };
const LEFT_OUT: Verdict = { kind: "left out", because: "ignored", reason: "is ignored by Git" };

async function setUp(verdictOf: (path: string) => Verdict = () => READ) {
  const tokenizer = await fakeTokenizer();
  const filesIn = (recall: FakeRecall) => new FileIndex(recall, (path) => live.has(path));
  const recall = new FakeRecall();
  const files = filesIn(recall);
  const policy = {
    judge: async (path: string) => verdictOf(path),
    reasonNotToComplete: async (path: string) => reasonNotToComplete(verdictOf(path)),
  };
  const context = { tokenizer, log: silentLog, policy: () => policy };
  const live: LiveTexts = new LiveTexts(context, files);
  const recalled = (from = recall) => [...from.texts.values()].map((ids) => tokenizer.decode([...ids]));
  const read = (path: string, text: string): ReadSource => ({
    file: { folder: 0, path, relativePath: path.slice(3), sizeBytes: text.length, modifiedMs: 0 },
    hash: "",
    text,
    tokens: tokenizer.encode(text),
  });
  return { live, files, filesIn, recalled, read };
}

function document(text: string, name = "a.ts"): LiveDocument {
  return { uri: `file:///r/${name}`, path: `/r/${name}`, relativePath: name, text };
}

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `const line${from + i} = compute(${from + i});\n`).join("");

test("an open document's text is recalled in place of its file's", async () => {
  const { live, files, recalled, read } = await setUp();
  files.take(read("/r/a.ts", "on disk"));
  files.take(read("/r/b.ts", "another file"));
  live.set(document("in the editor\n"));
  assert.deepEqual(recalled(), ["another file"]);
  await live.settled();
  files.take(read("/r/a.ts", "on disk again"));
  assert.deepEqual(recalled(), ["another file", "a.ts\nin the editor\n"]);
});

test("the line with the cursor is never recalled, whichever it is, and every other is", async () => {
  const { live, recalled } = await setUp();
  const text = numbered(400);
  live.set(document(text));
  await live.settled();
  const all = `a.ts\n${text}`;
  assert.equal(recalled().join(""), all);
  for (const start of [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]) {
    live.recallAt("file:///r/a.ts", start, false);
    const line = text.slice(start, text.indexOf("\n", start) + 1);
    // Each is a piece of the text: the lines around the one that is left out are not joined.
    const places = recalled().map((one) => ({ at: all.indexOf(one), one }));
    assert.ok(places.every(({ at }) => at >= 0));
    const found = places.sort((a, b) => a.at - b.at).map(({ one }) => one);
    assert.equal(found.join(""), `a.ts\n${text.slice(0, start)}${text.slice(start + line.length)}`);
  }
});

test("what was edited since the last pause is recalled neither as it was nor as it is", async () => {
  const { live, recalled } = await setUp();
  const [before, after] = [numbered(150), numbered(150, 300)];
  live.set(document(`${before}const deleted = 1;\nconst half = |\n${after}`));
  await live.settled();
  const edited = `${before}const half = changed();\n${after}`;
  live.set(document(edited));
  live.recallAt("file:///r/a.ts", 0, false);
  const meanwhile = recalled();
  assert.ok(meanwhile.every((text) => edited.includes(text.replace(/^a\.ts\n/, ""))));
  assert.ok(meanwhile.join("").includes("const line449"));
  await live.settled();
  live.recallAt("file:///r/a.ts", edited.length, false);
  assert.ok(recalled().join("").includes("const half = changed();"));
  assert.equal(recalled().join("").length, `a.ts\n${edited}`.length);
});

test("lines that were deleted are recalled on a line that is begun, also by another memory, but for the oldest", async () => {
  const { live, filesIn, recalled } = await setUp();
  const lines = numbered(60).split("\n");
  const textFrom = (line: number) => lines.slice(line).join("\n");
  for (let line = 0; line < 20; line++) {
    live.set(document(textFrom(line)));
    await live.settled();
    live.recallAt("file:///r/a.ts", 0, true);
  }
  const isRecalled = (line: number, from = recalled()) => from.includes(`${lines[line]}\n`);
  assert.deepEqual(
    [0, 10, 11, 18].map((line) => isRecalled(line)),
    [false, false, true, true],
  );
  const recall = new FakeRecall();
  live.moveTo(filesIn(recall));
  assert.ok(isRecalled(18, recalled(recall)));
});

const FORGOTTEN: readonly [what: string, how: (live: LiveTexts) => unknown][] = [
  ["its document is closed", (live) => live.delete("file:///r/a.ts")],
  ["rules for files change", (live) => live.reconsider()],
];
for (const [what, how] of FORGOTTEN) {
  test(`what was deleted is forgotten when ${what}`, async () => {
    const { live, recalled } = await setUp();
    live.set(document("const deleted = 1;\nrest();\n"));
    await live.settled();
    live.set(document("rest();\n"));
    live.recallAt("file:///r/a.ts", 0, true);
    assert.deepEqual(recalled(), ["const deleted = 1;\n"]);
    how(live);
    assert.deepEqual(recalled(), []);
  });
}

test("lines that were deleted are not offered of themselves, nor in another document", async () => {
  const { live, recalled } = await setUp();
  live.set(document("const deleted = 1;\nrest();\n"));
  await live.settled();
  live.set(document("rest();\n"));
  const cases: readonly [name: string, isBegun: boolean, recalled: string[]][] = [
    ["a.ts", false, []],
    ["a.ts", true, ["const deleted = 1;\n"]],
    ["b.ts", true, []],
    ["a.ts", true, ["const deleted = 1;\n"]],
    ["a.ts", false, []],
  ];
  for (const [name, isBegun, expected] of cases) {
    live.recallAt(`file:///r/${name}`, 0, isBegun);
    assert.deepEqual(recalled(), expected, `${name}, ${isBegun}`);
  }
});

test("of what was deleted is recalled neither a secret nor what nobody judged", async () => {
  const { live, recalled } = await setUp();
  const secret = 'password = "k9F2-xQ7v-Lm3p"\n';
  for (const before of [`first();\n${secret}`, "first();\n"]) {
    live.set(document(`${before}rest();\n`));
    await live.settled();
    live.set(document(`first();\n${secret}rest();\nmore();\n`));
    live.recallAt("file:///r/a.ts", 0, true);
    live.set(document("more();\n"));
    live.recallAt("file:///r/a.ts", 0, true);
    assert.ok(!recalled().join("").includes("password"));
  }
});

test("unsaved text of one document is recalled in another, the line with its cursor too", async () => {
  const { live, recalled } = await setUp();
  live.set(document("const half = \n"));
  live.set(document("const other = 1;\n", "b.ts"));
  await live.settled();
  live.recallAt("file:///r/a.ts", 0, true);
  assert.deepEqual(recalled().sort(), ["a.ts\n", "b.ts\nconst other = 1;\n"]);
  live.recallAt("file:///r/b.ts", 0, false);
  assert.deepEqual(recalled().sort(), ["a.ts\nconst half = \n", "b.ts\n"]);
  live.recallAt("file:///r/closed.ts", 0, false);
  assert.deepEqual(recalled().sort(), ["a.ts\nconst half = \n", "b.ts\nconst other = 1;\n"]);
});

test("a short text is cut at the line with the cursor", async () => {
  const { live, recalled } = await setUp();
  const text = "first() {\n    return;\n    half\n\n    last\n";
  live.set(document(text));
  await live.settled();
  const cases: readonly [string, string[]][] = [
    ["first", ["a.ts\n", "    return;\n    half\n\n    last\n"]],
    ["    return;", ["a.ts\nfirst() {\n", "    half\n\n    last\n"]],
    ["    half", ["a.ts\nfirst() {\n    return;\n", "\n    last\n"]],
    ["\n    last", ["a.ts\nfirst() {\n    return;\n    half\n", "    last\n"]],
    ["    last", ["a.ts\nfirst() {\n    return;\n    half\n\n"]],
  ];
  for (const [line, expected] of cases) {
    live.recallAt("file:///r/a.ts", text.indexOf(line), false);
    assert.deepEqual(recalled(), expected, line);
  }
});

test("only what changed is tokenised again", async () => {
  const { live, files } = await setUp();
  const text = numbered(1000);
  live.set(document(text));
  await live.settled();
  const ids = () => [...(files.recall as FakeRecall).texts.keys()];
  const before = ids();
  live.set(document(text.replace("compute(500)", "compute(500, 1)")));
  await live.settled();
  const stayed = ids().filter((id) => before.includes(id));
  assert.equal(stayed.length, before.length - 1);
  assert.equal(ids().length, before.length);
});

test("a closed document's text is out, and its file may be taken again", async () => {
  const { live, files, recalled, read } = await setUp();
  live.set(document("live\n"));
  await live.settled();
  assert.equal(live.delete("file:///r/a.ts"), "/r/a.ts");
  assert.equal(live.delete("file:///r/a.ts"), undefined);
  files.take(read("/r/a.ts", "on disk"));
  assert.deepEqual(recalled(), ["on disk"]);
});

test("a document that is closed before it was taken in stays out", async () => {
  const { live, recalled } = await setUp();
  live.set(document(numbered(500)));
  const settled = live.settled();
  live.delete("file:///r/a.ts");
  await settled;
  assert.deepEqual(recalled(), []);
});

test("another exact memory gets the live texts, and loses those of their files", async () => {
  const { live, filesIn, recalled, read } = await setUp();
  live.set(document("live\n"));
  await live.settled();
  const recall = new FakeRecall();
  const next = new FileIndex(recall, () => false);
  next.take(read("/r/a.ts", "read before it was opened"));
  live.moveTo(next);
  assert.deepEqual(recalled(recall), ["a.ts\nlive\n"]);
  live.moveTo(filesIn(new FakeRecall()));
  live.set(document("newer\n"));
  await live.settled();
  assert.deepEqual(recalled(recall), ["a.ts\nlive\n"]);
});

test("line ends and a mark of byte order are those of a file that is read", async () => {
  const { live, recalled } = await setUp();
  live.set(document("\uFEFFconst a = 1;\r\nconst b = \r\n"));
  await live.settled();
  assert.deepEqual(recalled(), ["a.ts\nconst a = 1;\nconst b = \n"]);
  live.set(document("\uFEFFconst a = 1;\r\nconst b = 2\r\n"));
  live.recallAt("file:///other.ts", 0, false);
  await live.settled();
  assert.deepEqual(recalled(), ["a.ts\nconst a = 1;\nconst b = 2\n"]);
});

const policies: readonly [string, Partial<LiveDocument>, Verdict, boolean, boolean][] = [
  ["a file of the workspace", {}, READ, true, true],
  ["an ignored file", {}, LEFT_OUT, false, false],
  ["a file from elsewhere", {}, OUTSIDE, false, true],
  ["an untitled document", { uri: "untitled:Untitled-1", path: undefined }, OUTSIDE, true, true],
  ["an older version", { uri: "git:/r/a.ts?HEAD", path: undefined }, READ, false, true],
  ["a secret", { uri: "untitled:.env", path: undefined, relativePath: ".env" }, READ, false, false],
  ["a binary file", { text: "a\0b\n" }, READ, false, true],
  ["a generated file", { text: "// Code generated by x. DO NOT EDIT.\n" }, READ, false, true],
  ["a line without an end", { text: "x".repeat(5000) }, READ, false, true],
  ["a huge file", { text: numbered(40_000) }, READ, false, true],
  ["an empty document", { text: "" }, READ, false, true],
];
for (const [name, more, verdict, isRecalled, isQuoted] of policies) {
  test(`${name} is ${isRecalled ? "" : "not "}recalled and may ${isQuoted ? "" : "not "}be quoted`, async () => {
    const { live, recalled } = await setUp(() => verdict);
    const open = { ...document("const a = 1;\n"), ...more };
    live.set(open);
    assert.equal(await live.quotable(open.uri, open.text), undefined, "before it is judged");
    await live.settled();
    assert.equal(recalled().length > 0, isRecalled);
    assert.equal((await live.quotable(open.uri, "a\n")) === "a\n", isQuoted);
  });
}

test("other rules for files count for what is open", async () => {
  let verdict: Verdict = READ;
  const { live, recalled } = await setUp(() => verdict);
  live.set(document("const a = 1;\n"));
  await live.settled();
  verdict = LEFT_OUT;
  live.reconsider();
  await live.settled();
  assert.deepEqual([recalled(), await live.quotable("file:///r/a.ts", "a\n")], [[], undefined]);
});

test("an answer by rules that count no more, come late, does not stay", async () => {
  let answer = (_: Verdict): void => undefined;
  const late = new Promise<Verdict>((resolve) => {
    answer = resolve;
  });
  let isAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const answers = [late, LEFT_OUT];
  const { live, recalled } = await setUp(() => {
    isAsked();
    return answers.shift() as Verdict;
  });
  live.set(document("const a = 1;\n"));
  const settled = live.settled();
  await asked;
  live.reconsider();
  answer(READ);
  await settled;
  await live.settled();
  assert.deepEqual([recalled(), await live.quotable("file:///r/a.ts", "a\n")], [[], undefined]);
});

test("of a long document the beginning is recalled, as of a long file", async () => {
  const { live, recalled } = await setUp();
  live.set(document(numbered(5000)));
  await live.settled();
  const text = recalled().join("");
  assert.ok(text.length > 65_000 && text.length <= 65_536 + 5 && text.endsWith(";\n"));
});

test("after random edits the blocks are the text, and of a size", () => {
  const seed = Number(process.env.SEED ?? Date.now());
  console.log(`seed ${seed}`);
  let value = seed % 2147483647 || 1;
  const random = (below: number) => {
    value = (value * 48271) % 2147483647;
    return value % below;
  };
  const pieces = [
    "",
    "x",
    "\n",
    "  call();\n",
    numbered(5),
    numbered(90),
    "{\n",
    "    deeper();\n".repeat(200),
  ];
  let text = "";
  let blocks: Block[] = [];
  for (let round = 0; round < 600; round++) {
    const start = random(text.length + 1);
    const end =
      start + random(random(4) === 0 ? text.length - start + 1 : Math.min(40, text.length - start + 1));
    const edited = text.slice(0, start) + pieces[random(pieces.length)] + text.slice(end);
    const kept = standing(blocks, edited, edited.length - text.length);
    for (const block of kept) assert.equal(edited.slice(block.start, endOf(block)), block.text);
    text = edited.length > 40_000 ? edited.slice(0, 20_000) : edited;
    blocks = reblocked(kept, text);
    assert.equal(blocks.map((block) => block.text).join(""), text);
    assert.deepEqual(
      blocks.map(({ start: at }) => at),
      blocks.map((_, i) => blocks.slice(0, i).reduce((sum, one) => sum + one.text.length, 0)),
    );
    for (const block of blocks) {
      assert.ok(block.start === 0 || text[block.start - 1] === "\n", "a block begins a line");
      assert.ok(block.text.length <= 2 * 3072, `${block.text.length} characters`);
    }
    assert.ok(blocks.length <= 2 + text.length / 512, `${blocks.length} blocks of ${text.length} characters`);
  }
});

test("lines that hold secrets are recalled by nobody, and come back when the secret goes", async () => {
  const { live, recalled } = await setUp();
  const secret = 'const password = "h7Gk-29xQp";\n';
  const text = `${numbered(150)}${secret}${numbered(150, 200)}`;
  live.set(document(text));
  await live.settled();
  assert.equal(recalled().join(""), `a.ts\n${text.replace(secret, "\n")}`);
  assert.equal(await live.quotable("file:///r/a.ts", secret), "\n");
  live.recallAt("file:///r/a.ts", text.indexOf("const line250"), false);
  assert.ok(!recalled().join("").includes("h7Gk"));
  live.recallAt("file:///r/b.ts", 0, false);
  const plain = text.replace("h7Gk-29xQp", "");
  live.set(document(plain));
  await live.settled();
  const again = recalled().join("");
  assert.ok(again.includes('const password = "";\n') && again.length === `a.ts\n${plain}`.length);
});

test("a key over many lines is left out wherever it is cut into blocks", async () => {
  const { live, recalled } = await setUp();
  const body = `${"MIIE".padEnd(64, "aB3/x+Zq")}\n`;
  const key = (kind: string) => `-----BEGIN ${kind}-----\n${body.repeat(80)}-----END ${kind}-----\n`;
  live.set(document(`${numbered(30)}${key("CERTIFICATE")}${numbered(30, 50)}`));
  await live.settled();
  assert.ok(recalled().join("").includes("MIIE"));
  live.set(document(`${numbered(30)}${key("PRIVATE KEY")}${numbered(30, 50)}`));
  await live.settled();
  assert.equal(recalled().join(""), `a.ts\n${numbered(30)}${"\n".repeat(82)}${numbered(30, 50)}`);
});
