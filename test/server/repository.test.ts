import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { crawl, findFile } from "../../server/repository/crawl.ts";
import { reasonNotToRead } from "../../server/repository/fileRules.ts";
import { type MemoryContext, RepositoryMemory } from "../../server/repository/memory.ts";
import { inReadingOrder, withinBudget } from "../../server/repository/order.ts";
import { readShare } from "../../server/repository/readShare.ts";
import { readText } from "../../server/repository/readText.ts";
import { StateStore } from "../../server/repository/stateStore.ts";
import { cutAtLines } from "../../server/repository/stream.ts";
import { FakeModel, type FakeRecall, type FakeState, silentLog } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

function folder(t: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "stateline-repository-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

async function found(root: string, exclude: string[] = []): Promise<string[]> {
  return (await crawl(root, { exclude, log: silentLog })).map((file) => file.relativePath);
}

const nameCases: readonly [string, RegExp | undefined][] = [
  ["src/main.ts", undefined],
  ["src/keyboard.ts", undefined],
  ["src/environment.py", undefined],
  ["src/credentialsForm.tsx", undefined],
  [".env.example", undefined],
  [".env", /secret/],
  ["deploy/.env.production", /secret/],
  ["prod.env", /secret/],
  ["certs/server.pem", /secret/],
  ["certs/server.KEY", /secret/],
  ["home/id_rsa", /secret/],
  ["home/id_ed25519.pub", /secret/],
  [".ssh/config", /secret/],
  [".aws/credentials", /secret/],
  ["config/credentials.json", /secret/],
  ["config/secrets.yaml", /secret/],
  [".npmrc", /secret/],
  [".git-credentials", /secret/],
  ["terraform.tfstate", /secret/],
  ["package-lock.json", /lock/],
  ["Cargo.lock", /lock/],
  ["app.min.js", /generated/],
  ["api_pb2.py", /generated/],
  ["logo.png", /not text/],
  ["model.safetensors", /not text/],
  ["model/longrange/weights/text/test.bin", /not text/],
];
for (const [path, expected] of nameCases) {
  test(`${path} is ${expected ? "never read" : "read"}`, () => {
    const reason = reasonNotToRead(path);
    if (expected) assert.match(reason ?? "", expected);
    else assert.equal(reason, undefined);
  });
}

test("nested .gitignore files, .git/info/exclude and the setting are respected", async (t) => {
  const root = folder(t, {
    ".gitignore": "/out\n*.log\n!keep.log\nignored/\n",
    ".git/info/exclude": "private.txt\n",
    "a.ts": "a",
    "out/b.ts": "b",
    "x.log": "x",
    "keep.log": "k",
    "private.txt": "p",
    "ignored/c.ts": "c",
    "sub/.gitignore": "*.ts\n!d.ts\n",
    "sub/c.ts": "c",
    "sub/d.ts": "d",
    "sub/out/e.py": "e",
    "node_modules/m/index.js": "m",
    "excluded/f.ts": "f",
  });
  assert.deepEqual(await found(root, ["excluded/"]), [
    ".gitignore",
    "a.ts",
    "keep.log",
    "sub/.gitignore",
    "sub/d.ts",
    "sub/out/e.py",
  ]);
});

test("one changed file is judged as the crawl judges it", async (t) => {
  const root = folder(t, {
    ".gitignore": "out/\n",
    "a.ts": "a",
    "out/b.ts": "b",
    "s/.gitignore": "c.ts",
    "s/c.ts": "c",
    ".env": "E",
  });
  const options = { exclude: [], log: silentLog };
  assert.equal((await findFile(root, "a.ts", options))?.relativePath, "a.ts");
  for (const path of ["out/b.ts", "s/c.ts", ".env", "gone.ts", "node_modules/x.js", "s"]) {
    assert.equal(await findFile(root, path, options), undefined, path);
  }
});

test("links are not followed, inside or out, and cycles end", async (t) => {
  const outside = folder(t, { "secret.ts": "s" });
  const root = folder(t, { "a/b.ts": "b" });
  symlinkSync(outside, join(root, "outside"));
  symlinkSync(join(outside, "secret.ts"), join(root, "link.ts"));
  symlinkSync(root, join(root, "a", "cycle"));
  assert.deepEqual(await found(root), ["a/b.ts"]);
});

test("a folder that cannot be listed or does not exist is empty", async () => {
  assert.deepEqual(await found("/nowhere/at/all"), []);
});

const contents: readonly [string, string, string | Buffer, RegExp][] = [
  ["binary", "a.ts", Buffer.from([1, 0, 2, 3]), /not text/],
  ["Latin-1", "a.ts", Buffer.from([0x63, 0xe9, 0x0a]), /not UTF-8/],
  ["a 50 MB line", "a.ts", Buffer.alloc(50 * 2 ** 20, "x"), /too large/],
  ["a long line", "a.ts", `${"x".repeat(5000)}\n`, /long a line/],
  ["a long file of one line", "a.ts", "x".repeat(200_000), /long a line/],
  ["generated code", "a.ts", "// Code generated by protoc. DO NOT EDIT.\nx\n", /generated/],
  ["white space", "a.ts", " \n\n", /empty/],
  ["a large file of data", "a.json", "[\n1,\n".repeat(20_000), /data/],
];
for (const [name, path, content, reason] of contents) {
  test(`${name} is skipped with a reason`, async (t) => {
    const root = folder(t, { [path]: content });
    const read = await readText(join(root, path));
    assert.equal(read.kind, "skipped");
    assert.match(read.kind === "skipped" ? read.reason : "", reason);
  });
}

test("a file that is gone or may not be read is skipped with a reason", async (t) => {
  const root = folder(t, { "a.ts": "a" });
  assert.equal((await readText(join(root, "gone.ts"))).kind, "skipped");
  chmodSync(join(root, "a.ts"), 0o000);
  const read = await readText(join(root, "a.ts"));
  if (process.getuid?.() !== 0) assert.equal(read.kind, "skipped");
});

test("a long file is read from its beginning, whole lines of it", async (t) => {
  const root = folder(t, { "a.ts": "const x = 1;\n".repeat(10_000) });
  const read = await readText(join(root, "a.ts"));
  assert.ok(read.kind === "text" && read.truncated && read.text.endsWith(";\n") && read.text.length <= 65536);
});

const shares: readonly [string, number, number | RegExp][] = [
  ["a.ts", 5000, 5000],
  ["a.ts", 100_000, 65_536],
  ["a.ts", 2 ** 20 + 1, /too large/],
  ["results.json", 4000, 4000],
  ["results.json", 30_000, 4096],
  ["results.json", 33_000, /data/],
  ["table.CSV", 30_000, 4096],
  ["package.json", 30_000, 30_000],
  ["app/package.json", 30_000, 30_000],
  ["schema.sql", 30_000, 30_000],
  ["deploy.yaml", 33_000, /data/],
];
for (const [path, size, expected] of shares) {
  const outcome = typeof expected === "number" ? `${expected} are read` : "nothing is read";
  test(`of ${path} with ${size} bytes ${outcome}`, () => {
    const share = readShare(path, size);
    if (typeof expected === "number") assert.deepEqual(share, { kind: "read", bytes: expected });
    else assert.match(share.kind === "skipped" ? share.reason : "", expected);
  });
}

test("data is read from its head, whole rows of it, and counted as that", async (t) => {
  const root = folder(t, {
    "rows.csv": "name,total\n1,2\n".repeat(1000),
    "dump.json": "[\n1,\n".repeat(20_000),
  });
  const read = await readText(join(root, "rows.csv"));
  assert.ok(read.kind === "text" && read.truncated && read.text.endsWith("\n") && read.text.length <= 4096);
  const files = await crawl(root, { exclude: [], log: silentLog });
  assert.deepEqual(
    files.map(({ relativePath, sizeBytes }) => [relativePath, sizeBytes]),
    [["rows.csv", 4096]],
  );
});

const source = (relativePath: string, modifiedMs = 0, sizeBytes = 100) => ({
  path: `/r/${relativePath}`,
  relativePath,
  sizeBytes,
  modifiedMs,
});

test("order: introductions, documents, tests, code, then the latest changed", () => {
  const ordered = inReadingOrder([
    source("src/b.ts"),
    source("src/a.ts"),
    source("test/a.test.ts"),
    source("docs/x.md"),
    source("README.md"),
    source("package.json"),
    source("src/latest.ts", 99),
  ]).map((file) => file.relativePath);
  assert.deepEqual(ordered, [
    "README.md",
    "package.json",
    "docs/x.md",
    "test/a.test.ts",
    "src/a.ts",
    "src/b.ts",
    "src/latest.ts",
  ]);
});

test("budget: documents and tests are left out before code, introductions never", () => {
  const kept = withinBudget(
    [source("README.md"), source("docs/x.md"), source("test/a.test.ts"), source("src/a.ts")],
    200,
  );
  assert.deepEqual(
    kept.map((file) => file.relativePath),
    ["README.md", "src/a.ts"],
  );
});

test("pieces join to the text and are cut between lines only", () => {
  const text = "a\n\n  b\nc\n".repeat(100);
  const pieces = [...cutAtLines(text, 50)];
  assert.equal(pieces.join(""), text);
  assert.ok(pieces.slice(0, -1).every((piece) => piece.endsWith("\n")));
  assert.deepEqual([...cutAtLines("", 50)], []);
});

async function memoryOf(roots: string[], storage?: string, overrides: Partial<MemoryContext> = {}) {
  const tokenizer = await fakeTokenizer();
  const model = new FakeModel(tokenizer);
  const lines: string[] = [];
  const log = {
    debug: () => undefined,
    info: (line: string) => lines.push(line),
    warn: (line: string) => lines.push(line),
  };
  const store = storage ? new StateStore(storage, log) : undefined;
  const settings = { folders: roots, exclude: [], stateHeads: 6, attentionWindow: 2048 };
  const context = {
    model,
    tokenizer,
    store,
    log,
    onProgress: () => undefined,
    settleMs: 60_000,
    mostWaitMs: 60_000,
    saveMs: 60_000,
    ...overrides,
  };
  const memory = new RepositoryMemory(context, settings);
  const text = () => tokenizer.decode((memory.state as FakeState).tokens);
  const recalled = () =>
    [...(memory.recall as FakeRecall).texts.values()].map((ids) => tokenizer.decode([...ids]));
  return { memory, model, settings, tokenizer, lines, text, recalled };
}

test("memory: folder after folder, each with its name, in one stream", async (t) => {
  const one = folder(t, { "a.ts": "const a;\n", "README.md": "hello\n" });
  const two = folder(t, { "b.ts": "const b;\n" });
  const { memory, settings, text, tokenizer } = await memoryOf([one, two]);
  await memory.read(settings, { fromDisk: false });
  assert.match(
    text(),
    /^stateline-repository-\w+\nREADME\.md\nhello\na\.ts\nconst a;\nstateline-repository-\w+\nb\.ts\nconst b;\n$/,
  );
  const { tokens } = memory.state as FakeState;
  assert.equal(tokens[0], tokenizer.special.repoName);
  assert.equal(tokens.filter((token) => token === tokenizer.special.fileSep).length, 3);
  assert.deepEqual(memory.progress.reading, false);
  assert.equal(memory.progress.tokensRead, tokens.length);
});

test("memory: without a folder the state is the initial one", async () => {
  const { memory, settings } = await memoryOf([]);
  await memory.read(settings, { fromDisk: true });
  assert.equal(memory.state.tokenCount, 0);
  assert.equal(memory.progress.reading, false);
});

test("memory: a changed file's new text is appended, an unchanged or secret one's is not", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const { memory, settings, text } = await memoryOf([root]);
  await memory.read(settings, { fromDisk: false });
  const before = text();
  writeFileSync(join(root, "a.ts"), "const changed;\n");
  writeFileSync(join(root, ".env"), "TOKEN=1\n");
  for (const name of ["a.ts", "b.ts", ".env", "gone.ts"]) memory.noteChange(join(root, name));
  await memory.settled();
  assert.equal(text(), `${before}a.ts\nconst changed;\n`);
  assert.equal(memory.generation, 1);
});

test("memory: each file is recalled as it was read last, one that is gone not at all", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const { memory, settings, recalled } = await memoryOf([root]);
  await memory.read(settings, { fromDisk: false });
  assert.deepEqual(recalled(), ["a.ts\nconst a;\n", "b.ts\nconst b;\n"]);
  writeFileSync(join(root, "a.ts"), "const changed;\n");
  rmSync(join(root, "b.ts"));
  for (const name of ["a.ts", "b.ts"]) memory.noteChange(join(root, name));
  await memory.settled();
  assert.deepEqual(recalled(), ["a.ts\nconst changed;\n"]);
});

const inEditor = (root: string, name: string, text: string) => {
  const path = join(root, name);
  return { uri: `file://${path}`, path, relativePath: name, text };
};

test("memory: an open document stands for its file, from reading to closing", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const { memory, settings, text, recalled } = await memoryOf([root]);
  const open = inEditor(root, "a.ts", "const unsaved;\n");
  memory.live.set(open);
  await memory.read(settings, { fromDisk: false });
  await memory.settled();
  assert.match(text(), /a\.ts\nconst unsaved;\n/);
  assert.deepEqual(recalled().sort(), ["a.ts\nconst unsaved;\n", "b.ts\nconst b;\n"]);
  memory.noteClosed(open.uri);
  await memory.settled();
  assert.match(text(), /a\.ts\nconst a;\n$/);
  assert.deepEqual(recalled().sort(), ["a.ts\nconst a;\n", "b.ts\nconst b;\n"]);
});

test("memory: what happens to the file of an open document changes nothing of what is recalled", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const { memory, settings, text, recalled } = await memoryOf([root]);
  await memory.read(settings, { fromDisk: false });
  memory.live.set(inEditor(root, "a.ts", "const a;\n"));
  await memory.settled();
  const before = text();
  const open = inEditor(root, "a.ts", "const saved;\n");
  memory.live.set(open);
  writeFileSync(open.path, open.text);
  memory.noteChange(open.path);
  await memory.settled();
  assert.equal(text(), `${before}a.ts\nconst saved;\n`);
  assert.deepEqual(recalled().sort(), ["a.ts\nconst saved;\n", "b.ts\nconst b;\n"]);
  rmSync(open.path);
  memory.noteChange(open.path);
  await memory.settled();
  assert.deepEqual(recalled().sort(), ["a.ts\nconst saved;\n", "b.ts\nconst b;\n"]);
  memory.noteClosed(open.uri);
  await memory.settled();
  assert.deepEqual(recalled(), ["b.ts\nconst b;\n"]);
});

test("memory: the state does not read the line that is being completed when automatic saving writes it", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const { memory, settings, text } = await memoryOf([root]);
  await memory.read(settings, { fromDisk: false });
  const before = text();
  const open = inEditor(root, "a.ts", "const a;\r\nconst half = \r\nconst b;\r\n");
  memory.live.set(open);
  memory.live.recallAt(open.uri, "const a;\n".length);
  writeFileSync(open.path, open.text);
  memory.noteChange(open.path);
  await memory.settled();
  assert.equal(text(), `${before}a.ts\nconst a;\nconst b;\n`);
});

test("memory: a document that is closed and opened again is not read from disk meanwhile", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const { memory, settings, text, recalled } = await memoryOf([root]);
  await memory.read(settings, { fromDisk: false });
  const before = text();
  const open = inEditor(root, "a.ts", "const unsaved;\n");
  memory.live.set(open);
  memory.noteClosed(open.uri);
  memory.live.set(open);
  await memory.settled();
  assert.equal(text(), before);
  assert.deepEqual(recalled(), ["a.ts\nconst unsaved;\n"]);
});

test("memory: live texts stand through a reading anew, one that is closed meanwhile comes from disk", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const { memory, settings, recalled, model } = await memoryOf([root]);
  const [a, b] = ["a.ts", "b.ts"].map((name) => inEditor(root, name, `live ${name}\n`));
  assert.ok(a && b);
  memory.live.set(a);
  memory.live.set(b);
  await memory.read(settings, { fromDisk: false });
  let release = () => {};
  model.gate = new Promise((resolve) => {
    release = resolve;
  });
  const reading = memory.read({ ...settings, stateHeads: 2 }, { fromDisk: false });
  memory.noteClosed(b.uri);
  release();
  await reading;
  await memory.settled();
  assert.deepEqual(recalled().sort(), ["a.ts\nlive a.ts\n", "b.ts\nconst b;\n"]);
});

test("memory: after a restart an open document's file is not recalled from disk", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const storage = folder(t);
  const first = await memoryOf([root], storage);
  await first.memory.read(first.settings, { fromDisk: true });
  assert.equal(first.memory.wasRestored, false);
  await first.memory.settled();
  first.memory.dispose();
  const { memory, settings, recalled } = await memoryOf([root], storage);
  memory.live.set(inEditor(root, "a.ts", "live\n"));
  await memory.read(settings, { fromDisk: true });
  await memory.settled();
  assert.equal(memory.wasRestored, true);
  assert.deepEqual(recalled().sort(), ["a.ts\nlive\n", "b.ts\nconst b;\n"]);
});

test("memory: an excluded, ignored, secret or linked file stays out though it is open, a new one is in", async (t) => {
  const root = folder(t, { ".gitignore": "out/\n", "out/a.ts": "a\n", "x/a.ts": "a\n", ".env": "A=1\n" });
  symlinkSync(join(root, "x/a.ts"), join(root, "link.ts"));
  const { memory, settings, recalled } = await memoryOf([root]);
  const opened = ["out/a.ts", "x/a.ts", ".env", "link.ts", "new.ts", "../elsewhere.ts"];
  const quotable = () => opened.filter((name) => memory.live.mayQuote(inEditor(root, name, "").uri));
  for (const name of opened) memory.live.set(inEditor(root, name, `live ${name}\n`));
  await memory.read({ ...settings, exclude: ["x/"] }, { fromDisk: false });
  await memory.settled();
  assert.deepEqual(recalled(), [".gitignore\nout/\n", "new.ts\nlive new.ts\n"]);
  assert.deepEqual(quotable(), ["new.ts", "../elsewhere.ts"]);
  await memory.read(settings, { fromDisk: false });
  await memory.settled();
  assert.ok(recalled().includes("x/a.ts\nlive x/a.ts\n"));
});

test("memory: the old state answers while everything is read again with another ratio", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const { memory, settings, model } = await memoryOf([root]);
  await memory.read(settings, { fromDisk: false });
  let release = () => {};
  model.gate = new Promise((resolve) => {
    release = resolve;
  });
  const reading = memory.read({ ...settings, stateHeads: 2 }, { fromDisk: false });
  assert.equal(memory.state.stateHeads, 6);
  assert.ok(memory.progress.reading);
  release();
  await reading;
  assert.equal(memory.state.stateHeads, 2);
  assert.equal(model.living, 1);
});

test("memory: a reading is given up for a newer one", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const { memory, settings, model } = await memoryOf([root]);
  const older = memory.read(settings, { fromDisk: false });
  const newer = memory.read({ ...settings, stateHeads: 1 }, { fromDisk: false });
  await Promise.all([older, newer]);
  assert.equal(memory.state.stateHeads, 1);
  assert.equal(model.living, 1);
});

test("memory: during the first reading completions start from its beginning", async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`f${i}.ts`, `const v${i} = ${"xyz ".repeat(500)};\n`]),
  );
  const root = folder(t, files);
  const counts = new Set<number>();
  const started = await memoryOf([root], undefined, {
    onProgress: () => counts.add(started.memory?.state.tokenCount ?? 0),
  });
  await started.memory.read(started.settings, { fromDisk: false });
  assert.ok(counts.size > 2, [...counts].join());
  assert.equal(started.model.living, 1);
});

test("memory: a restart restores the state and appends what changed since", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n", "c.ts": "const c;\n" });
  const storage = folder(t);
  const first = await memoryOf([root], storage);
  await first.memory.read(first.settings, { fromDisk: true });
  await first.memory.settled();
  first.memory.dispose();
  writeFileSync(join(root, "b.ts"), "const changed;\n");
  const second = await memoryOf([root], storage);
  await second.memory.read(second.settings, { fromDisk: true });
  assert.ok(
    second.lines.some((line) => line.startsWith("Restored")),
    second.lines.join("\n"),
  );
  assert.match(second.text(), /const c;\n.*b\.ts\nconst changed;\n$/s);
  assert.equal(second.model.advanced.length, 1);
  assert.deepEqual(second.recalled().sort(), [
    "a.ts\nconst a;\n",
    "b.ts\nconst changed;\n",
    "c.ts\nconst c;\n",
  ]);
  await second.memory.settled();
  assert.equal(readdirSync(storage).filter((name) => name.endsWith(".state")).length, 1);
});

const damages: readonly [string, (path: string) => void][] = [
  ["its description is no JSON", (path) => writeFileSync(path, "{")],
  ["its description is of another version", (path) => writeFileSync(path, '{"version":99}')],
  [
    "its description names a path",
    (path) => writeFileSync(path, '{"version":2,"streamHash":"../../x","listHash":"","tokensRead":1}'),
  ],
];
for (const [name, damage] of damages) {
  test(`memory: a saved state is read anew when ${name}`, async (t) => {
    const root = folder(t, { "a.ts": "const a;\n" });
    const storage = folder(t);
    const first = await memoryOf([root], storage);
    await first.memory.read(first.settings, { fromDisk: true });
    await first.memory.settled();
    damage(join(storage, readdirSync(storage).find((file) => file.endsWith(".json"))!));
    const second = await memoryOf([root], storage);
    await second.memory.read(second.settings, { fromDisk: true });
    assert.match(second.text(), /const a;/);
    assert.ok(second.lines.some((line) => line.startsWith("The saved repository state is not used")));
  });
}

test("memory: a saved state that the model refuses is read anew", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const storage = folder(t);
  const first = await memoryOf([root], storage);
  await first.memory.read(first.settings, { fromDisk: true });
  await first.memory.settled();
  const second = await memoryOf([root], storage);
  second.model.restore = async () => {
    throw new Error("The checksum does not match.");
  };
  await second.memory.read(second.settings, { fromDisk: true });
  assert.match(second.text(), /const a;/);
});

test("memory: a storage folder that cannot be written costs one log line", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const storage = folder(t, { file: "x" });
  const { memory, settings, lines } = await memoryOf([root], join(storage, "file"));
  await memory.read(settings, { fromDisk: true });
  await memory.settled();
  assert.equal(lines.filter((line) => line.includes("cannot be saved")).length, 1);
});

test("memory: an engine that fails ends the reading with a problem, not the server", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n" });
  const { memory, settings, model } = await memoryOf([root]);
  model.advance = async () => {
    throw new Error("out of memory");
  };
  await memory.read(settings, { fromDisk: false });
  assert.match(memory.progress.problem ?? "", /out of memory/);
  assert.equal(memory.progress.reading, false);
});

test("memory: a file deleted between listing and reading is left out", async (t) => {
  const root = folder(t, { "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const { memory, settings, text, lines } = await memoryOf([root], undefined, {
    onProgress: () => rmSync(join(root, "b.ts"), { force: true }),
  });
  utimesSync(join(root, "b.ts"), 1e9, 1e9);
  await memory.read(settings, { fromDisk: false });
  assert.doesNotMatch(text(), /const b/);
  assert.ok(lines.length > 0);
});
