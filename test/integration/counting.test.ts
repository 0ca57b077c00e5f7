/** What becomes of completions, counted by a real server from what an editor sends. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { CompletionCounts, DayCounts } from "../../protocol/counts.ts";
import { Client, type ClientOptions, endOf, type Item } from "./client.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

const root = temporaryFolder(program(4));
const storagePath = temporaryFolder();
const FILE = join(storagePath, "counts", "completions.json");
after(() => remove(root, storagePath));

const URI = pathToFileURL(join(root, "src/open.ts")).href;
const TEXT = `import { createAccount0 } from "./module0/file0.ts";

export function payAll(store: Map<string, Account0>, id: string): void {
  const account = store.get(id);
  if (account === `;

function start(options: Partial<ClientOptions> = {}): Promise<Client> {
  return Client.startReady({
    ...{ folders: [root], storagePath, settings: { triggerDelayMs: 1 }, sendsEachKey: true },
    ...options,
  });
}

/** Opens the document and asks until something is shown. */
async function shown(client: Client): Promise<Item> {
  await client.open(URI, TEXT);
  const [item] = (await client.complete(URI, endOf(TEXT), { manual: true })) ?? [];
  assert.ok(item, "nothing was shown");
  return item;
}

async function accept(client: Client, { range, insertText, command }: Item): Promise<void> {
  await client.change(URI, { range, text: insertText });
  await client.connection.sendRequest("workspace/executeCommand", command);
}

async function counted(client: Client): Promise<Partial<DayCounts>> {
  const { days } = await client.connection.sendRequest<CompletionCounts>("stateline/counts");
  assert.ok(days.length <= 1, JSON.stringify(days));
  return days[0] ?? {};
}

let first: Partial<DayCounts>;

test("what is shown and accepted is counted by language and day, and the client is told", async () => {
  const client = await start();
  let told: unknown;
  const isTold = new Promise<void>((resolve) => {
    client.connection.onNotification("stateline/countsChanged", ({ session }) => {
      told = session;
      if (session.accepted > 0) resolve();
    });
  });
  const item = await shown(client);
  await accept(client, item);
  await isTold;
  first = await counted(client);
  const { day = "", language, shown: texts, accepted, whole, characters = 0, waitedMs = {} } = first;
  assert.match(day, /^\d{4}-\d\d-\d\d$/);
  assert.deepEqual(
    { language, texts, accepted, whole },
    { language: "typescript", texts: 1, accepted: 1, whole: 1 },
  );
  assert.ok(characters > 0 && characters <= item.insertText.length, `${characters} of ${item.insertText}`);
  assert.equal(
    Object.values(waitedMs).reduce((sum, times) => sum + times, 0),
    1,
  );
  assert.deepEqual(told, { shown: 1, accepted: 1, characters });
  await client.stop();
});

test("the counts are kept over a restart, and a word that is taken is added to them", async () => {
  const client = await start();
  assert.deepEqual(await counted(client), first);
  const { range, insertText } = await shown(client);
  const word = /^\s*[\w$]+/.exec(insertText)?.[0] ?? "";
  assert.ok(word.length > 1 && word.length < insertText.length, `no word in ${insertText}`);
  await client.type(URI, range.start, word);
  const { shown: texts, accepted, words, characters } = await counted(client);
  assert.deepEqual(
    { texts, accepted, words, characters },
    { texts: 2, accepted: 2, words: 1, characters: (first.characters ?? 0) + word.length },
  );
  await client.connection.sendRequest("stateline/saveCounts");
  assert.match(readFileSync(FILE, "utf8"), /"shown":2/);
  assert.ok(!readFileSync(FILE, "utf8").includes("account"), "text of the document is in the file");
  await client.stop();
});

test("two servers count into one file", async () => {
  const clients = await Promise.all([start(), start()]);
  for (const client of clients) await accept(client, await shown(client));
  await Promise.all(clients.map((client) => client.stop()));
  const client = await start();
  const { shown: texts, accepted } = await counted(client);
  assert.deepEqual({ texts, accepted }, { texts: 4, accepted: 4 });
  await client.connection.sendRequest("stateline/deleteCounts");
  assert.deepEqual(await counted(client), {});
  await client.stop();
  assert.throws(() => readFileSync(FILE), /ENOENT/);
});

test("nothing is counted or written where counting is off", async () => {
  const client = await start({ settings: { triggerDelayMs: 1, countCompletions: false } });
  await accept(client, await shown(client));
  assert.deepEqual(await client.connection.sendRequest("stateline/counts"), { isCounting: false, days: [] });
  await client.stop();
  assert.throws(() => readFileSync(FILE), /ENOENT/);
});
