import assert from "node:assert/strict";
import { test } from "node:test";
import type { Edit } from "../../server/counting/follow.ts";
import { filePathOf, OpenDocuments } from "../../server/documents.ts";

type Handler = (params: unknown) => void;

/** The documents with the handlers that a connection would call. */
function setUp() {
  const handlers: Record<string, Handler> = {};
  const connection: object = new Proxy(
    {},
    {
      get: (_, name: string) =>
        name === "notebooks" || name === "synchronization"
          ? connection
          : (handler: Handler) => {
              handlers[name] = handler;
              return { dispose: () => undefined };
            },
    },
  );
  const edits: Edit[] = [];
  const documents = new OpenDocuments((_, made) => edits.push(...made));
  documents.listen(connection as Parameters<typeof documents.listen>[0]);
  let version = 1;
  const open = (uri: string, text: string) =>
    handlers.onDidOpenTextDocument?.({ textDocument: { uri, languageId: "typescript", version, text } });
  const change = (uri: string, contentChanges: unknown[]) =>
    handlers.onDidChangeTextDocument?.({ textDocument: { uri, version: ++version }, contentChanges });
  const openNotebook = (uri: string, cells: readonly (readonly [languageId: string, text: string])[]) =>
    handlers.onDidOpenNotebookDocument?.({
      notebookDocument: { uri, version, cells: cells.map((_, i) => ({ kind: 2, document: `cell:${i}` })) },
      cellTextDocuments: cells.map(([languageId, text], i) => ({
        uri: `cell:${i}`,
        languageId,
        version,
        text,
      })),
    });
  return { documents, edits, open, change, openNotebook };
}

const ROOTS = ["/r", "vscode-vfs://github/owner/shop"];
const PATHS: readonly [uri: string, shown: string][] = [
  ["file:///r/src/a%20b.ts", "src/a b.ts"],
  ["file:///elsewhere/a.ts", "a.ts"],
  ["vscode-vfs://github/owner/shop/src/a%20b.ts", "src/a b.ts"],
  ["vscode-vfs://github/owner/shop2/a.ts", "a.ts"],
  ["memfs:/x/a.ts?version=1/2#part", "a.ts"],
  ["memfs:/x/100%.ts", "100%.ts"],
  ["untitled:Untitled-1", "Untitled-1"],
  ["untitled:", "untitled"],
  ["nonsense", "nonsense"],
];
for (const [uri, shown] of PATHS) {
  test(`${uri} is shown as ${shown}`, () => {
    const { documents, open } = setUp();
    open(uri, "x");
    const document = documents.get(uri);
    assert.ok(document);
    assert.equal(documents.describe(document, ROOTS).relativePath, shown);
  });
}

test("a document without URI, language or text is refused", () => {
  const { documents, open } = setUp();
  for (const [uri, text] of [
    [undefined, "x"],
    ["file:///a.ts", 3],
    [{}, "x"],
  ])
    assert.throws(() => open(uri as string, text as string), /is not served/);
  assert.deepEqual(documents.others("file:///b.ts", ROOTS), []);
});

test("a cell has the cells of its language around it, and a path in that language", async () => {
  const { documents, open, openNotebook } = setUp();
  const cells = ["a = 1\n", "", "b = 2", "c = 3\n\n"].map((text) => ["python", text] as const);
  await openNotebook("file:///r/analysis/n.v2.ipynb", [
    ["markdown", "# Prose"],
    ...cells,
    ["sql", "SELECT 1"],
  ]);
  open("file:///r/a.py", "x");
  const described = (i: number) => {
    const document = documents.get(`cell:${i}`);
    assert.ok(document);
    return documents.describe(document, ROOTS);
  };
  const uri = "file:///r/analysis/n.v2.ipynb";
  assert.deepEqual(described(3).notebook, { uri, before: "a = 1\n\n", after: "\n\nc = 3" });
  assert.deepEqual(described(0).notebook, { uri, before: "", after: "" });
  assert.deepEqual(
    [0, 1, 5].map((i) => described(i).relativePath),
    ["analysis/n.v2.md", "analysis/n.v2.py", "analysis/n.v2.sql"],
  );
  assert.deepEqual(
    documents.others("cell:1", ROOTS).map((other) => other.uri),
    [],
  );
  documents.noteUse("file:///r/a.py");
  documents.noteUse("cell:2");
  assert.deepEqual(
    documents.others("cell:1", ROOTS).map((other) => other.uri),
    ["file:///r/a.py"],
  );
  assert.deepEqual(
    documents.others("file:///r/a.py", ROOTS).map((other) => other.relativePath),
    ["analysis/n.v2.py"],
  );
});

const range = (startLine: number, startCharacter: number, endLine: number, endCharacter: number) => ({
  start: { line: startLine, character: startCharacter },
  end: { line: endLine, character: endCharacter },
});

/** What listeners are told of changes leads to the same text. */
function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce(
    (now, { offset, removed, text: inserted }) =>
      now.slice(0, offset) + inserted + now.slice(offset + removed),
    text,
  );
}

test("changes with odd ranges, emoji and CRLF give the editor's text", () => {
  const { documents, edits, open, change } = setUp();
  const before = "const a = '🙂';\r\nconst b = 1;\r\n";
  open("file:///a.ts", before);
  change("file:///a.ts", [
    { range: range(0, 13, 0, 13), text: "é" },
    { range: range(1, 0, 99, 99), text: "x\r\n" },
    { range: range(50, 0, 50, 0), text: "return " },
    { range: range(0, 12, 0, 12), text: "" },
  ]);
  assert.equal(documents.get("file:///a.ts")?.getText(), "const a = '🙂é';\r\nx\r\nreturn ");
  change("file:///a.ts", [{ text: "whole" }, { range: range(0, 5, 0, 0), text: "!" }]);
  assert.equal(documents.get("file:///a.ts")?.getText(), "!");
  assert.equal(edits.length, 6);
  assert.equal(edited(before, edits), "!");
});

test("random changes give the text that a plain list of UTF-16 units gives", () => {
  const seed = Number(process.env.SEED ?? Date.now());
  console.log(`seed ${seed}`);
  let value = seed % 2147483647 || 1;
  const random = (below: number) => {
    value = (value * 48271) % 2147483647;
    return value % below;
  };
  const pieces = ["a", "🙂", "\n", "\r\n", "", "é\n", "  return x;"];
  const { documents, edits, open, change } = setUp();
  const before = "first\nsecond 🙂\r\nthird";
  let text = before;
  open("file:///a.ts", text);
  for (let round = 0; round < 500; round++) {
    const document = documents.get("file:///a.ts");
    assert.ok(document);
    const start = random(text.length + 1);
    const end = start + random(text.length - start + 1);
    const inserted = Array.from({ length: random(4) }, () => pieces[random(pieces.length)]).join("");
    const positions = { start: document.positionAt(start), end: document.positionAt(end) };
    // A position cannot point between the two characters of a line's end.
    const from = document.offsetAt(positions.start);
    const to = document.offsetAt(positions.end);
    text = text.slice(0, from) + inserted + text.slice(to);
    change("file:///a.ts", [{ range: positions, text: inserted }]);
    assert.equal(documents.get("file:///a.ts")?.getText(), text);
    if (text.length > 2000) {
      text = "again";
      change("file:///a.ts", [{ text }]);
    }
  }
  assert.equal(edited(before, edits), text);
});

test("other documents come in the order of their use", () => {
  const { documents, open, change } = setUp();
  for (const name of ["a", "b", "c"]) {
    open(`file:///r/src/${name}.ts`, "x\ny\n");
    documents.noteUse(`file:///r/src/${name}.ts`);
  }
  change("file:///r/src/b.ts", [{ range: range(1, 0, 1, 0), text: "z" }]);
  const others = documents.others("file:///r/src/c.ts", ["/r"]);
  assert.deepEqual(
    others.map(({ relativePath }) => relativePath),
    ["src/b.ts", "src/a.ts"],
  );
  documents.noteClosed("file:///r/src/b.ts");
  assert.equal(documents.others("file:///r/src/c.ts", ["/r"]).length, 1);
});

test("only file URIs have paths", () => {
  assert.equal(filePathOf("file:///a/b%20c.ts"), "/a/b c.ts");
  for (const uri of [
    "untitled:Untitled-1",
    "vscode-notebook-cell:/a.ipynb#x",
    "file://host/share/a.ts",
    "nonsense",
  ]) {
    assert.equal(filePathOf(uri), undefined, uri);
  }
});
