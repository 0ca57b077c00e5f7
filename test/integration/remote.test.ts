import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  type Behaviour,
  begin,
  CompletionsServer,
  error,
  event,
  stream,
} from "../server/fakes/completionsServer.ts";
import { Client, type ClientOptions, endOf } from "./client.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

const KEY = "sk-very-secret-0123456789";
const root = realpathSync(temporaryFolder({ ".gitignore": "out/\n", ...program(4) }));
const elsewhere = realpathSync(temporaryFolder());
const storagePath = temporaryFolder();
execFileSync("git", ["init", "-q", root]);
let server: CompletionsServer;
let client: Client;

async function startClient(options: Partial<ClientOptions> = {}): Promise<Client> {
  const settings = { exclude: ["private/"], triggerDelayMs: 1, remote: server.url, ...options.settings };
  return await Client.startReady({
    folders: [root],
    storagePath,
    takesLateTexts: true,
    ...options,
    settings,
  });
}

before(async () => {
  server = await CompletionsServer.start();
  client = await startClient();
});
after(async () => {
  await client.stop();
  await server.stop();
  remove(root, elsewhere, storagePath);
});
beforeEach(async () => {
  // The space before the cursor is left for the server to write.
  server.answer = (response) => stream(response, [" zebra", "Quota", "();"]);
  server.received.length = 0;
  // What failed in the test before is forgiven.
  await client.connection.sendNotification("stateline/remoteKey", { origin: server.url, key: null });
});

let documents = 0;

/** Opens a document of its own and resolves when the policy has judged it. */
async function open(text: string, path = `src/new${documents++}.ts`, folder = root): Promise<string> {
  const uri = path.startsWith("untitled:") ? path : pathToFileURL(join(folder, path)).href;
  await client.open(uri, text);
  const last = `src/last${documents++}.ts`;
  await client.open(pathToFileURL(join(root, last)).href, "const last = 1;\n");
  await client.until(() => client.log.some((line) => line.startsWith(`Live text of ${last}`)));
  return uri;
}

test("the server's text is told when it comes after the answer, and is the answer then", async () => {
  const text = "const startedHere = compute(1);\nconst laterOn = ";
  const uri = await open(text);
  const told = client.betterTexts.length;
  let answer = () => {};
  server.answer = (response) => {
    answer = () => stream(response, [" zebra", "Quota", "();"]);
  };
  await client.complete(uri, endOf(text));
  await server.asked(1);
  answer();
  await client.until(() => client.betterTexts.length > told);
  assert.deepEqual(client.betterTexts.at(-1), { textDocument: { uri, version: 1 }, position: endOf(text) });
  const [item] = (await client.complete(uri, endOf(text))) ?? [];
  assert.equal(item?.insertText, "zebraQuota();");
  assert.equal(server.questions.length, 1);
});

test("a document that was changed meanwhile is not told of", async () => {
  const text = "const changedHere = ";
  const uri = await open(text);
  let answer = () => {};
  server.answer = (response) => {
    answer = () => stream(response, [" zebra", "Quota", "();"]);
  };
  const told = client.betterTexts.length;
  await client.complete(uri, endOf(text));
  await server.asked(1);
  await client.type(uri, { line: 0, character: 0 }, "// ");
  await client.requestStatus();
  answer();
  const other = "const unchanged = ";
  server.answer = (response) => stream(response, [" zebra", "Quota", "();"]);
  await client.complete(await open(other), endOf(other), { manual: true });
  assert.equal(client.betterTexts.length, told);
});

interface Kind {
  readonly name: string;
  readonly path: string;
  readonly folder?: string;
  readonly isSent: boolean;
}

const KINDS: readonly Kind[] = [
  { name: "a file of the workspace", path: "src/own.ts", isSent: true },
  { name: "a new document", path: "untitled:Untitled-1.ts", isSent: true },
  { name: "a file that Git ignores", path: "out/built.ts", isSent: false },
  { name: "an excluded file", path: "private/own.ts", isSent: false },
  { name: "a file of secrets", path: "src/secrets.toml", isSent: false },
  { name: "a file of dependencies", path: "node_modules/some/index.ts", isSent: false },
  { name: "a file outside the workspace", path: "other.ts", folder: elsewhere, isSent: false },
];

for (const [i, { name, path, folder, isSent }] of KINDS.entries()) {
  test(`${name} ${isSent ? "is" : "is never"} sent, nor quoted in another's question`, async () => {
    const marker = `uniqueMarker${i}`;
    const text = `export const ${marker} = compute(1);\nconst quoting = `;
    const uri = await open(text, path, folder);
    await client.complete(uri, endOf(text), { manual: true });
    assert.equal(server.questions.length, isSent ? 1 : 0);
    const other = `// ${marker} ${marker}\nimport { ${marker} } from "there";\nconst other = `;
    await client.complete(await open(other), endOf(other), { manual: true });
    const quotes = server.questions.at(-1)?.content.prompt.includes(`export const ${marker}`);
    assert.equal(quotes, isSent);
    await client.close(uri);
  });
}

test("a line with a secret stays here, and so does every question from such a line", async () => {
  const secret = 'const apiKey = "ghp_0123456789abcdefghijABCDEFGHIJ012345";';
  const text = `${secret}\nconst besideIt = `;
  await client.complete(await open(text), endOf(text), { manual: true });
  assert.equal(server.questions.length, 1);
  assert.ok(!server.questions[0]?.content.prompt.includes("ghp_"));
  await client.complete(await open(secret), endOf(secret), { manual: true });
  assert.equal(server.questions.length, 1);
});

test("the key is sent to its own origin alone, and is in no log", async () => {
  const { origin } = new URL(server.url);
  await client.connection.sendNotification("stateline/remoteKey", {
    origin: "https://elsewhere.example",
    key: KEY,
  });
  const ask = async () => {
    const text = `const asked${documents} = `;
    await client.complete(await open(text), endOf(text), { manual: true });
    return server.received.at(-1)?.authorization;
  };
  assert.equal(await ask(), undefined);
  await client.connection.sendNotification("stateline/remoteKey", { origin, key: KEY });
  assert.equal(await ask(), `Bearer ${KEY}`);
  server.answer = (response) => error(response, 401, `wrong key ${KEY}`);
  await ask();
  await client.until(() => client.status?.remote?.problem !== undefined);
  assert.match(client.status?.remote?.problem ?? "", /refuses the key/);
  await client.connection.sendNotification("stateline/remoteKey", { origin, key: null });
  server.answer = (response) => stream(response, ["a"]);
  assert.equal(await ask(), undefined);
  const everything = [...client.log, ...client.shown, JSON.stringify(client.statuses)].join("\n");
  assert.ok(!everything.includes(KEY));
});

test("a key of the environment serves editors that have no place for secrets", async () => {
  process.env.STATELINE_REMOTE_KEY = KEY;
  const other = await startClient({ storagePath: elsewhere });
  delete process.env.STATELINE_REMOTE_KEY;
  const text = "const asked = ";
  const uri = pathToFileURL(join(root, "src/environment.ts")).href;
  await other.open(uri, text);
  await other.until(() => other.log.some((line) => line.startsWith("Live text of src/environment.ts")));
  await other.complete(uri, endOf(text), { manual: true });
  assert.equal(server.questions.at(-1)?.authorization, `Bearer ${KEY}`);
  await other.stop();
});

const FAILING: readonly (readonly [name: string, answer: Behaviour])[] = [
  ["says nothing", () => undefined],
  ["begins and says nothing more", (response) => begin(response)],
  ["breaks the connection", (response) => response.socket?.resetAndDestroy()],
  ["has an error", (response) => error(response, 500, "out of memory")],
  ["has too much to do", (response) => error(response, 429, "later", { "retry-after": "1" })],
  ["refuses the key", (response) => error(response, 401, "no")],
  [
    "writes no stream",
    (response) => response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {\n\n"),
  ],
];

/** Of so many keys, each asked for anew. */
async function latencies(uri: string, keys: number): Promise<number[]> {
  const all: number[] = [];
  for (let key = 0; key < keys; key++) {
    await client.change(uri, {
      text: `const first = compute(1);\nconst asked${"abcdefghijkl".slice(0, key)} = `,
    });
    const begunMs = performance.now();
    await client.complete(uri, { line: 1, character: 14 + key });
    all.push(performance.now() - begunMs);
  }
  return all.sort((a, b) => a - b);
}

for (const [name, answer] of FAILING) {
  test(`no key waits for a server that ${name}`, async () => {
    const uri = await open("");
    await client.setSettings({ triggerDelayMs: 1 });
    const alone = await latencies(uri, 12);
    await client.setSettings({ triggerDelayMs: 1, remote: server.url });
    server.answer = answer;
    const beside = await latencies(uri, 12);
    // A machine that does other work too makes single keys wait.
    const [median, without] = [beside[6] ?? 0, alone[6] ?? 0];
    assert.ok(median < without + 100, `${median} ms beside it, ${without} ms alone`);
    assert.ok((beside.at(-1) ?? 0) < 2000, `${beside.at(-1)} ms`);
  });
}

test("once nobody names the server, nothing is sent and the status is silent of it", async () => {
  assert.equal((await client.requestStatus()).remote?.leavesMachine, false);
  await client.setSettings({ triggerDelayMs: 1 });
  assert.equal((await client.requestStatus()).remote, undefined);
  const text = "const alone = ";
  await client.complete(await open(text), endOf(text), { manual: true });
  assert.equal(server.received.length, 0);
});

test("a server without encryption on another machine is refused in one sentence", async () => {
  await client.setSettings({ remote: "http://gpu.example.com/v1" });
  await client.until(() => client.shown.some((line) => /not encrypted/.test(line)));
  assert.equal((await client.requestStatus()).remote, undefined);
});

test("an answer of half a line is cut to whole words", async () => {
  await client.setSettings({ triggerDelayMs: 1, remote: server.url });
  const quick = "const quickly = ";
  await client.complete(await open(quick), endOf(quick), { manual: true });
  await server.asked(1);
  server.answer = (response) => {
    begin(response);
    response.end(event(" zebraQuota(withA", undefined, "length"));
  };
  const text = "const halfLine = ";
  const [item] = (await client.complete(await open(text), endOf(text), { manual: true })) ?? [];
  assert.equal(item?.insertText, "zebraQuota(");
});
