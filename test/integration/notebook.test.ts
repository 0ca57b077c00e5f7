import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, endOf } from "./client.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

const root = temporaryFolder(program(4));
const storagePath = temporaryFolder();
let client: Client;

before(async () => {
  client = await Client.startReady({ folders: [root], storagePath, settings: { triggerDelayMs: 1 } });
});
after(async () => {
  await client.stop();
  remove(root, storagePath);
});

interface Cell {
  readonly text: string;
  readonly languageId?: string;
}

const CODE = 2;
let notebooks = 0;

/** Opens a notebook as an editor does; answers its URI and those of its cells. */
async function openNotebook(...cells: readonly Cell[]) {
  const path = `${root}/analysis/${notebooks++}.ipynb`;
  const notebook = pathToFileURL(path).href;
  const uris = cells.map((_, i) => notebook.replace("file:", "vscode-notebook-cell:").concat(`#cell${i}`));
  await client.connection.sendNotification("notebookDocument/didOpen", {
    notebookDocument: {
      uri: notebook,
      notebookType: "jupyter-notebook",
      version: 1,
      cells: uris.map((document) => ({ kind: CODE, document })),
    },
    cellTextDocuments: cells.map(({ text, languageId = "python" }, i) => ({
      uri: uris[i],
      languageId,
      version: 1,
      text,
    })),
  });
  return { notebook, uris };
}

async function change(notebook: string, version: number, cells: object): Promise<void> {
  await client.connection.sendNotification("notebookDocument/didChange", {
    notebookDocument: { uri: notebook, version },
    change: { cells },
  });
}

/** Of the item that is offered first, by key. */
async function offered(uri: string | undefined, text: string): Promise<string> {
  assert.ok(uri);
  const [item] = (await client.complete(uri, endOf(text), { manual: true })) ?? [];
  assert.ok(item, (await client.figures()).nothing);
  assert.deepEqual(item.range.start, endOf(text));
  return item.insertText;
}

const FIRST = "quuxified_totals = load_zebra_table(path)\nprint(quuxified_totals.head())\n";
const LAST = "describe(quuxified_";

test("a cell is completed with what the cells before it say", async () => {
  const { uris } = await openNotebook(
    { text: FIRST },
    { text: "Some *prose*.", languageId: "markdown" },
    { text: LAST },
  );
  assert.match(await offered(uris[2], LAST), /^totals\b/);
});

test("what follows in later cells is context too, other languages are none", async () => {
  const { uris } = await openNotebook(
    { text: LAST },
    { text: FIRST },
    { text: "SELECT 1;".repeat(400), languageId: "sql" },
  );
  assert.match(await offered(uris[0], LAST), /^totals\b/);
  assert.ok((await client.figures()).tokensAdvanced < 200, JSON.stringify(await client.figures()));
});

test("from cell to cell only what is new is read", async () => {
  const filler = "values = [compute(value) for value in values if value > 0]\n".repeat(20);
  const { notebook, uris } = await openNotebook({ text: `${filler}${FIRST}` }, { text: "" });
  await client.complete(uris[0] ?? "", endOf(`${filler}${FIRST}`), { manual: true });
  assert.ok((await client.figures()).tokensAdvanced > 200);
  await change(notebook, 2, {
    textContent: [{ document: { uri: uris[1], version: 2 }, changes: [{ text: LAST }] }],
  });
  await client.complete(uris[1] ?? "", endOf(LAST), { manual: true });
  assert.ok((await client.figures()).tokensAdvanced < 80, JSON.stringify(await client.figures()));
});

test("edits, moves and removals of cells are followed", async () => {
  const { notebook, uris } = await openNotebook({ text: FIRST }, { text: LAST });
  const edited = FIRST.replaceAll("quuxified_totals", "quuxified_wombats");
  await change(notebook, 2, {
    textContent: [{ document: { uri: uris[0], version: 2 }, changes: [{ text: edited }] }],
  });
  assert.match(await offered(uris[1], LAST), /^wombats\b/);
  const added = `${notebook.replace("file:", "vscode-notebook-cell:")}#added`;
  await change(notebook, 3, {
    structure: {
      array: { start: 0, deleteCount: 1, cells: [{ kind: CODE, document: added }] },
      didOpen: [{ uri: added, languageId: "python", version: 1, text: FIRST }],
      didClose: [{ uri: uris[0] }],
    },
  });
  assert.match(await offered(uris[1], LAST), /^totals\b/);
  await client.connection.sendNotification("notebookDocument/didClose", {
    notebookDocument: { uri: notebook },
    cellTextDocuments: [{ uri: added }, { uri: uris[1] }],
  });
  assert.equal(await client.complete(uris[1] ?? "", endOf(LAST), { manual: true }), null);
});

const MALFORMED: readonly [method: string, params: unknown][] = [
  ["didOpen", {}],
  ["didOpen", { notebookDocument: { uri: "n:1", cells: 3 }, cellTextDocuments: [] }],
  ["didOpen", { notebookDocument: { uri: "n:2" }, cellTextDocuments: [{}] }],
  ["didChange", { notebookDocument: { uri: "n:3", version: 1 }, change: {} }],
  ["didChange", { notebookDocument: { uri: "n:1" }, change: { cells: { structure: {} } } }],
  ["didClose", { notebookDocument: {} }],
  ["didClose", null],
];

test("malformed messages about notebooks do not end the server", async () => {
  for (const [method, params] of MALFORMED) {
    const body = JSON.stringify({ jsonrpc: "2.0", method: `notebookDocument/${method}`, params });
    client.sendRaw(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    assert.equal((await client.requestStatus()).state, "ready", body);
  }
  const { uris } = await openNotebook({ text: FIRST }, { text: LAST });
  assert.match(await offered(uris[1], LAST), /^totals\b/);
});
