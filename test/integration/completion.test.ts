import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Client, endOf } from "./client.ts";
import { program, remove, temporaryFolder, write } from "./repository.ts";

/** Long enough to read that the reading is seen: statuses are sent at intervals. */
const root = temporaryFolder(program(40));
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
async function openDocument(text: string, languageId = "typescript"): Promise<string> {
  const uri = pathToFileURL(join(root, `src/open${documents++}.ts`)).href;
  await client.open(uri, text, languageId);
  return uri;
}

const TEXT = `import { createAccount0 } from "./module0/file0.ts";

export function payAll(store: Map<string, Account0>): number {
  let total = 0;
  for (const id of store.keys()) {
    const account = createAccount0(store, id, 1);
    if (account === undefined) {
      continue;
    }
    total = total + `;

test("reading is shown from loading to ready, and its figures add up", async () => {
  const states = client.statuses.map((status) => status.state);
  assert.equal(states[0], "loading");
  assert.equal(states.at(-1), "ready");
  assert.ok(client.progress.includes("begin") || !states.includes("reading"));
  const status = await client.requestStatus();
  assert.equal(status.state, "ready");
  assert.ok(status.tokensRead > 4000 && status.tokensRead === status.tokensTotal, JSON.stringify(status));
  assert.ok(status.stateBytes > 0 && status.kvBytes > 0);
  assert.match(status.device, /^cpu \(\w+, \d+ threads?\)$/);
});

test("a request is answered with its figures", async () => {
  const uri = await openDocument(TEXT);
  const items = await client.complete(uri, endOf(TEXT), { manual: true });
  const figures = await client.figures();
  assert.ok(figures.tokensAdvanced > 100 && figures.tokensDecoded > 0, JSON.stringify(figures));
  assert.ok(figures.contextTokens > 4000);
  for (const item of items ?? []) {
    assert.ok(item.insertText.length > 0 && item.filterText === item.insertText);
    assert.deepEqual(item.range.start, endOf(TEXT));
    assert.equal(item.command.command, "stateline.accepted");
    await client.connection.sendRequest("workspace/executeCommand", item.command);
  }
});

test("each typed character advances at most 5 tokens, ten deleted ones at most 64", async () => {
  const uri = await openDocument(TEXT);
  await client.complete(uri, endOf(TEXT));
  let text = TEXT;
  for (const character of "account.total * scaleOfPrices(id, 12)") {
    await client.type(uri, endOf(text), character);
    text += character;
    await client.complete(uri, endOf(text));
    const { tokensAdvanced } = await client.figures();
    assert.ok(tokensAdvanced <= 5, `${tokensAdvanced} tokens after ${JSON.stringify(text.slice(-12))}`);
  }
  for (let round = 0; round < 5; round++) {
    const shorter = text.slice(0, -10);
    await client.change(uri, { range: { start: endOf(shorter), end: endOf(text) }, text: "" });
    text = shorter;
    await client.complete(uri, endOf(text));
    const { tokensAdvanced } = await client.figures();
    assert.ok(
      tokensAdvanced <= 64,
      `${tokensAdvanced} tokens after deleting to ${JSON.stringify(text.slice(-12))}`,
    );
  }
});

test("where the cursor rests is read before a key is pressed", async () => {
  const uri = await openDocument(TEXT);
  await client.connection.sendNotification("stateline/cursorRests", {
    textDocument: { uri },
    position: endOf(TEXT),
  });
  await client.until(() => client.log.some((line) => line.startsWith("Read the state anew for ")));
  // A request would end the reading: nothing tells when it is done.
  await delay(2000);
  await client.type(uri, endOf(TEXT), "a");
  await client.complete(uri, endOf(`${TEXT}a`));
  assert.ok((await client.figures()).tokensAdvanced <= 5);
  for (const params of [{}, { textDocument: {} }, { textDocument: { uri }, position: "here" }])
    await client.connection.sendNotification("stateline/cursorRests", params);
  assert.equal((await client.requestStatus()).state, "ready");
});

test("typing through what is shown costs nothing", async (t) => {
  const beginnings = [
    "return ",
    "const account = ",
    "store.",
    "if (",
    "for (const ",
    "export function ",
    "account",
  ];
  for (const beginning of beginnings) {
    const text = `${TEXT}0;\n    ${beginning}`;
    const uri = await openDocument(text);
    const [item] = (await client.complete(uri, endOf(text), { manual: true })) ?? [];
    if (!item || item.insertText.length < 3 || item.insertText.includes("\n")) continue;
    await client.type(uri, endOf(text), item.insertText.slice(0, 2));
    const [rest] = (await client.complete(uri, endOf(text + item.insertText.slice(0, 2)))) ?? [];
    assert.equal(rest?.insertText, item.insertText.slice(2));
    const { tokensAdvanced, tokensDecoded } = await client.figures();
    assert.deepEqual({ tokensAdvanced, tokensDecoded }, { tokensAdvanced: 0, tokensDecoded: 0 });
    return;
  }
  t.skip("the model's weights offer nothing in any of these places");
});

test("a newer request for a document cancels the older", async () => {
  const uri = await openDocument(TEXT.replaceAll("account", "invoice"));
  const older = client.complete(uri, { line: 5, character: 4 });
  const newer = client.complete(uri, endOf(TEXT.replaceAll("account", "invoice")), { manual: true });
  assert.equal(await older, null);
  await newer;
  assert.ok((await client.figures()).tokensDecoded > 0);
});

test("documents follow incremental changes with odd ranges, emoji and CRLF", async () => {
  const uri = await openDocument("const a = '🙂';\r\nconst b = 1;\r\n");
  await client.change(
    uri,
    { range: { start: { line: 0, character: 13 }, end: { line: 0, character: 13 } }, text: "é" },
    { range: { start: { line: 1, character: 0 }, end: { line: 99, character: 99 } }, text: "x\r\n" },
    { range: { start: { line: 50, character: 0 }, end: { line: 50, character: 0 } }, text: "return " },
    // Inside of the emoji.
    { range: { start: { line: 0, character: 12 }, end: { line: 0, character: 12 } }, text: "" },
  );
  for (const position of [
    { line: 0, character: 12 },
    { line: 2, character: 7 },
    { line: 2, character: 500 },
    { line: 999, character: 0 },
  ]) {
    await client.complete(uri, position, { manual: true });
  }
  await client.change(uri, { text: "" });
  await client.complete(uri, { line: 0, character: 0 }, { manual: true });
  assert.equal((await client.requestStatus()).state, "ready");
});

test("nothing is asked where it is not worth it", async () => {
  const uri = await openDocument("const value = compute(first, second, third);\n");
  assert.equal(await client.complete(uri, { line: 0, character: 8 }), null);
  assert.match((await client.figures()).nothing ?? "", /inside a word/);
  assert.equal(await client.complete("file:///not/open.ts", { line: 0, character: 0 }), null);
});

test("an edited file is read again when it is saved", async () => {
  write(root, "src/module0/file0.ts", "export const renewed = 1;\n".repeat(20));
  await client.connection.sendNotification("workspace/didChangeWatchedFiles", {
    changes: [{ uri: pathToFileURL(join(root, "src/module0/file0.ts")).href, type: 2 }],
  });
  await client.until(() =>
    client.log.some((line) => line.includes("Read the new text of src/module0/file0.ts")),
  );
});

test("another hybrid ratio is read with the old state answering, and memory follows it", async () => {
  await client.setSettings({ triggerDelayMs: 1, hybridRatio: 1 });
  await client.until(() => client.status?.state === "ready" && client.status.hybridRatio === 1);
  const allState = await client.requestStatus();
  assert.equal(allState.kvBytes, 0);
  // That it reads is not told where it takes less than the time between two statuses; that it has read is.
  assert.ok(allState.stateTokens > 1000);
  await client.setSettings({ triggerDelayMs: 1, hybridRatio: 0 });
  await client.until(() => client.status?.state === "ready" && client.status.hybridRatio === 0);
  const allAttention = await client.requestStatus();
  assert.ok(allAttention.kvBytes > 0 && allAttention.stateBytes < allState.stateBytes);
});

test("an excluded folder is not read", async () => {
  const { tokensRead } = await client.requestStatus();
  await client.setSettings({ triggerDelayMs: 1, hybridRatio: 0, exclude: ["src/module1/"] });
  await client.until(() => client.status?.state === "ready" && client.status.tokensRead < tokensRead - 500);
});

test("a bad setting gives one sentence, and its default", async () => {
  await client.setSettings({ triggerDelayMs: 1, hybridRatio: 7 });
  await client.until(() => client.shown.length > 0 && client.status?.hybridRatio === 0.75);
  assert.equal(client.shown.length, 1);
  assert.match(
    client.shown[0] ?? "",
    /^The setting stateline\.hybridRatio is 7 but must be .* null is used\.$/,
  );
});

test("switched off, and for one language, nothing is offered", async () => {
  await client.setSettings({ enabled: false });
  const uri = await openDocument(TEXT);
  assert.equal(await client.complete(uri, endOf(TEXT), { manual: true }), null);
  assert.match((await client.figures()).nothing ?? "", /switched off/);
  await client.setSettings({ languages: ["*", "!python"] });
  const python = await openDocument("x = ", "python");
  assert.equal(await client.complete(python, { line: 0, character: 4 }, { manual: true }), null);
  assert.match((await client.figures()).nothing ?? "", /python is switched off/);
});

test("reread reads everything again", async () => {
  await client.setSettings({});
  await client.until(() => client.status?.state === "ready");
  const count = client.statuses.length;
  await client.connection.sendRequest("stateline/reread");
  await client.until(
    () =>
      client.statuses.slice(count).some((status) => status.state === "reading") &&
      client.status?.state === "ready",
  );
});

test("another number of threads loads the model again, under a request too", async () => {
  const uri = await openDocument(TEXT.repeat(10));
  const running = client.complete(uri, endOf(TEXT.repeat(10)), { manual: true });
  await client.setSettings({ threads: 1 });
  await running;
  await client.until(() => client.status?.state === "ready" && client.status.device.includes("1 thread)"));
  await client.complete(uri, endOf(TEXT), { manual: true });
  assert.ok((await client.figures()).tokensDecoded > 0);
});

test("a GPU that is named and cannot be used is reported, and the processor serves", async () => {
  await client.setSettings({ device: "cuda:99" });
  await client.until(() => client.shown.some((line) => line.endsWith("The model runs on the processor.")));
  await client.until(() => client.status?.state === "ready");
  assert.match(client.status?.device ?? "", /^cpu \(/);
  const uri = await openDocument(TEXT);
  await client.complete(uri, endOf(TEXT), { manual: true });
  assert.ok((await client.figures()).tokensDecoded > 0);
});
