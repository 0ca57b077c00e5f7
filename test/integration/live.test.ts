import assert from "node:assert/strict";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client } from "./client.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

const LEDGER = ["north", "south", "east"]
  .map(
    (name) => `export function ${name}(accounts: Account[], openingBalance: number): Ledger {
  const reconciledLedger = reconcileLedger(accounts, openingBalance);
  return reconciledLedger;
}
`,
  )
  .join("\n");

const HALF = `export function west(accounts: Account[], openingBalance: number): Ledger {
  const reconciledLedger = `;

/** The same calls under a name that nothing else in the repository has. */
const pasture = (call: string) =>
  ["spring", "summer", "autumn"]
    .map(
      (name) => `export function ${name}() {\n  const zebraQuota = ${call}(herd, pastureOf("${name}"));\n}\n`,
    )
    .join("\n");
const ASKED = "export function winter() {\n  const zebraQuota = ";

const root = temporaryFolder({
  ...program(40),
  "src/ledger.ts": LEDGER,
  "src/west.ts": `${HALF.trimEnd()}\n  return reconciledLedger;\n}\n`,
  "src/pasture.ts": pasture("vanishingQuota"),
});
const storagePath = temporaryFolder();
let client: Client;

before(async () => {
  // Read early: what was changed last is still before the eyes of the heads that attend.
  for (const name of ["ledger", "west", "pasture"]) utimesSync(join(root, `src/${name}.ts`), 1, 1);
  client = await Client.startReady({ folders: [root], storagePath });
});
after(async () => {
  await client.stop();
  remove(root, storagePath);
});

const uriOf = (name: string) => pathToFileURL(join(root, name)).href;

async function openTaken(name: string, text: string): Promise<void> {
  const count = client.log.length;
  await client.open(uriOf(name), text);
  await client.until(() => client.log.slice(count).some((line) => line.startsWith(`Live text of ${name}`)));
}

async function close(name: string): Promise<void> {
  const count = client.log.length;
  await client.close(uriOf(name));
  await client.until(() => client.log.slice(count).some((line) => line.startsWith("Closed: ")));
}

/** Asks by key at "|" in a document that is open as long as that. */
async function offered(name: string, marked: string): Promise<string> {
  const [text, rest] = marked.split("|") as [string, string];
  await openTaken(name, text + rest);
  const lines = text.split("\n");
  const position = { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
  const [item] = (await client.complete(uriOf(name), position, { manual: true })) ?? [];
  await close(name);
  return item?.insertText ?? "";
}

let asked = 0;
/** Each time in a document of its own: what was shown once in one is shown there again. */
const quota = () => offered(`src/winter${asked++}.ts`, `${ASKED}|\n}\n`);

test("a line that is saved half-written is completed as one that is not on disk", async () => {
  const marked = `${HALF}|\n  return reconciledLedger;\n}\n`;
  const absent = await offered("src/elsewhere.ts", marked);
  assert.match(absent, /^reconcileLedger\(accounts, openingBalance\);/);
  assert.equal(await offered("src/west.ts", marked), absent);
});

test("what is on disk is offered until it is deleted in the open document, and again when that is closed", async () => {
  assert.match(await quota(), /^vanishingQuota\(herd/);
  await openTaken("src/pasture.ts", "// Nothing left.\n");
  assert.doesNotMatch(await quota(), /vanishing/);
  await close("src/pasture.ts");
  assert.match(await quota(), /^vanishingQuota\(herd/);
});

test("unsaved text of another open document is recalled, as it is after each pause", async () => {
  await openTaken("src/pasture.ts", pasture("measuredQuota"));
  assert.match(await quota(), /^measuredQuota\(herd/);
  const count = client.log.length;
  await client.change(uriOf("src/pasture.ts"), { text: pasture("guessedQuota") });
  await client.until(() =>
    client.log.slice(count).some((line) => line.startsWith("Live text of src/pasture.ts")),
  );
  assert.match(await quota(), /^guessedQuota\(herd/);
  await close("src/pasture.ts");
  await openTaken("src/fields.ts", pasture("measuredQuota"));
  await openTaken("src/acres.ts", pasture("measuredQuota"));
  assert.match(await quota(), /^measuredQuota\(herd/);
});
