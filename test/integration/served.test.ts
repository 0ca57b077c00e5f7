import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, endOf, type Item, type Position } from "./client.ts";
import { program, remove, temporaryFolder, write } from "./repository.ts";

const root = temporaryFolder(program(6));
const storagePath = temporaryFolder();
let client: Client;

before(async () => {
  client = await Client.startReady({ folders: [root], storagePath, settings: { triggerDelayMs: 1 } });
});
after(async () => {
  await client.stop();
  remove(root, storagePath);
});

let documents = 0;
const opened = new Set<string>();
async function open(text: string, uri = pathToFileURL(join(root, `src/open${documents++}.ts`)).href) {
  await client.open(uri, text);
  opened.add(uri);
  return uri;
}
/** What one test has typed must not be a snippet in the next. */
afterEach(async () => {
  for (const uri of opened) await client.close(uri);
  opened.clear();
});

async function ask(uri: string, at: Position, manual = false): Promise<readonly Item[]> {
  return (await client.complete(uri, at, { manual })) ?? [];
}

async function decoded(): Promise<number> {
  return (await client.figures()).tokensDecoded;
}

const TEXT = `import { createAccount0 } from "./module0/file0.ts";

export function payAll(store: Map<string, Account0>): number {
  let total = 0;
  for (const id of store.keys()) {
    const account = createAccount0(store, id, 1);
    if (account === undefined) {
      continue;
    }
`;
/** Where the model knows more or less well how to go on. */
const BEGINNINGS = [
  "    total = total + ",
  "    const ",
  "    if (",
  "    store.set(",
  "    return ",
  "    for (const ",
];

/** How many further lines come is a matter of time. */
function firstLines(items: readonly Item[]): readonly (string | undefined)[] {
  return items.map((item) => item.insertText.split("\n", 1)[0]);
}

test("by key the answer is the one where nothing was shown before", async () => {
  const notes = pathToFileURL(join(root, "notes.txt")).href;
  await client.open(notes, "", "plaintext");
  opened.add(notes);
  let cut = 0;
  for (const beginning of [...BEGINNINGS, "    account.total = ", "    const name = account.", "    total"]) {
    const text = TEXT + beginning;
    const uri = await open(text);
    const [typed] = firstLines(await ask(uri, endOf(text)));
    const [byKey] = firstLines(await ask(uri, endOf(text), true));
    // Whatever was shown is forgotten now.
    await client.type(notes, { line: 0, character: 0 }, "x");
    // Its alternatives rest on what is recalled of open documents, which settles a little later.
    assert.equal(byKey, firstLines(await ask(uri, endOf(text), true))[0], beginning);
    if (typed !== undefined && typed !== byKey) cut++;
  }
  assert.ok(cut > 0, "nothing was cut while typing in any of these places");
});

/** A place where something is offered while typing, and the first two characters of it typed. */
async function shownAndTyped(): Promise<{ uri: string; text: string; typed: string; rest: string }> {
  for (const beginning of BEGINNINGS) {
    const text = TEXT + beginning;
    const uri = await open(text);
    const [item] = await ask(uri, endOf(text), true);
    if (!item || item.insertText.length < 4 || item.insertText.slice(0, 3).includes("\n")) continue;
    const typed = text + item.insertText.slice(0, 2);
    await client.type(uri, endOf(text), item.insertText.slice(0, 2));
    return { uri, text, typed, rest: item.insertText.slice(2) };
  }
  throw new Error("The model offers nothing in any of these places.");
}

const CHANGES: readonly [what: string, change: (otherUri: string) => Promise<void>][] = [
  ["an edit in another document", (uri) => client.type(uri, { line: 0, character: 0 }, "// edited\n")],
  ["a new state of the repository", () => changeFile()],
  ["fewer lines allowed", () => client.setSettings({ triggerDelayMs: 1, maxLines: 3 })],
];

async function changeFile(): Promise<void> {
  const { tokensRead } = await client.requestStatus();
  write(root, "src/renewed.ts", `export const renewed${documents++} = 1;\n`.repeat(10));
  await client.connection.sendNotification("workspace/didChangeWatchedFiles", {
    changes: [{ uri: pathToFileURL(join(root, "src/renewed.ts")).href, type: 2 }],
  });
  await client.until(() => (client.status?.tokensRead ?? 0) > tokensRead);
}

for (const [what, change] of CHANGES) {
  test(`typing along what was shown is free, until ${what}`, async () => {
    const other = await open("export const other = 1;\n");
    // Whether it may be quoted is known by the time that something was completed in it.
    await ask(other, { line: 1, character: 0 }, true);
    const { uri, typed, rest } = await shownAndTyped();
    const [along] = await ask(uri, endOf(typed));
    assert.equal(along?.insertText, rest);
    assert.equal(await decoded(), 0);
    await change(other);
    await ask(uri, endOf(typed));
    assert.ok((await decoded()) > 0);
  });
}

test("several answers differ, and each says which it is when it is accepted", async () => {
  let alternatives = 0;
  for (const beginning of BEGINNINGS) {
    const text = TEXT + beginning;
    const items = await ask(await open(text), endOf(text), true);
    assert.equal(new Set(items.map((item) => item.insertText)).size, items.length);
    alternatives += Math.max(0, items.length - 1);
    const accepted = items.map((item) => item.command.arguments[0] as Record<string, number>);
    assert.deepEqual(
      accepted.map(({ alternative }) => alternative),
      items.map((_, i) => i),
    );
    assert.ok(new Set(accepted.map(({ id }) => id)).size <= 1);
    const last = items.at(-1);
    if (!last) continue;
    const lines = client.log.length;
    await client.connection.sendRequest("workspace/executeCommand", last.command);
    await client.until(() =>
      client.log.slice(lines).some((line) => line.includes(`alternative ${items.length - 1},`)),
    );
  }
  assert.ok(alternatives > 0, "the beam has no other text in any of these places");
});

test("documents of any scheme are served", async () => {
  for (const uri of ["untitled:Untitled-1", "memfs:/shop/b%20c.ts", "memfs:/odd%.ts", "odd"]) {
    const text = `${TEXT}    store.`;
    await ask(await open(text, uri), endOf(text), true);
    assert.ok((await decoded()) > 0, uri);
  }
});

test("in a virtual workspace the open documents are served, and those that may hold secrets are not", async (t) => {
  const folder = "vscode-vfs://github/owner/shop";
  const virtual = await Client.startReady({ folders: [folder], storagePath });
  t.after(() => virtual.stop());
  assert.equal((await virtual.requestStatus()).tokensRead, 0);
  const names = "export const quuxifiedTotals = loadZebraTable();\n";
  await virtual.open(`${folder}/src/names.ts`, names);
  const text = 'import { quuxifiedTotals } from "./names";\n\nshow(quuxified';
  await virtual.open(`${folder}/src/a.ts`, text);
  const [item] = (await virtual.complete(`${folder}/src/a.ts`, endOf(text), { manual: true })) ?? [];
  assert.match(item?.insertText ?? "", /^Totals\b/);
  await virtual.open(`${folder}/.env`, "KEY=");
  assert.equal(await virtual.complete(`${folder}/.env`, endOf("KEY="), { manual: true }), null);
  assert.match((await virtual.figures()).nothing ?? "", /secrets/);
});

test("inside of a character the item's range begins before it", async () => {
  for (const character of ["\u{1f642}", "e\u0301", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"]) {
    const text = `${TEXT}    store.set("${character}`;
    const uri = await open(text);
    const { line } = endOf(text);
    const start = '    store.set("'.length;
    for (let inside = 1; inside < character.length; inside++) {
      for (const item of await ask(uri, { line, character: start + inside }, true))
        assert.deepEqual(item.range.start, { line, character: start }, JSON.stringify(character));
    }
  }
});

test("most of the document's line ends are the completion's", async () => {
  const block = `${TEXT.trimEnd()}\n    if (account.total > 0) {`;
  for (const [text, lineEnd] of [
    [block.replaceAll("\n", "\r\n"), "\r\n"],
    [block.replace("\n", "\r\n"), "\n"],
  ] as const) {
    const [item] = await ask(await open(text), endOf(block), true);
    assert.deepEqual([...new Set(item?.insertText.match(/\r?\n/g))], [lineEnd], JSON.stringify(item));
  }
});

test("the tab size that comes with a request is used, a wrong one is left alone", async () => {
  const text = "\tif (true) {\n\t\tfirst();\n        ";
  for (const tabSize of [8, 2, 0, -1, "4", null, 1e9, {}]) {
    await client.connection.sendRequest("textDocument/inlineCompletion", {
      textDocument: { uri: await open(text) },
      position: endOf(text),
      context: { triggerKind: 1 },
      tabSize,
    });
    assert.ok((await decoded()) > 0);
  }
});
