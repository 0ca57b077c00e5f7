import assert from "node:assert/strict";
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, type ClientOptions } from "./client.ts";
import { program, remove, temporaryFolder, write } from "./repository.ts";

const WEIGHTS = join(import.meta.dirname, "../../model/weights");
const SERVER = join(import.meta.dirname, "../../server/main.ts");
const CLI = join(import.meta.dirname, "../../server/cli/complete.ts");

function folder(t: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = temporaryFolder(files);
  t.after(() => remove(root));
  return root;
}

async function start(t: TestContext, options: Partial<ClientOptions>): Promise<Client> {
  const client = await Client.start({ folders: [], storagePath: folder(t), ...options });
  t.after(() => client.stop());
  return client;
}

/** A copy of the embedded model, spoilt. */
function spoiltModel(t: TestContext, spoil: (folder: string) => void): string {
  const copy = folder(t);
  for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
    copyFileSync(join(WEIGHTS, name), join(copy, name));
  }
  spoil(copy);
  return copy;
}

const models: readonly [string, (folder: string) => void, RegExp][] = [
  ["truncated weights", (path) => truncateSync(join(path, "model.safetensors"), 100_000), /safetensors/],
  ["empty weights", (path) => truncateSync(join(path, "model.safetensors"), 0), /safetensors/],
  ["missing weights", (path) => remove(join(path, "model.safetensors")), /safetensors/],
  [
    "a configuration that is no JSON",
    (path) => writeFileSync(join(path, "config.json"), "{"),
    /config\.json/,
  ],
  [
    "a configuration of another shape",
    (path) => edit(join(path, "config.json"), /"hidden_size": \d+/, '"hidden_size": 512'),
    /./,
  ],
  ["a missing configuration", (path) => remove(join(path, "config.json")), /config\.json/],
  ["a missing tokenizer", (path) => remove(join(path, "tokenizer.json")), /tokenizer\.json.*does not exist/],
  [
    "a hostile tokenizer",
    (path) => edit(join(path, "tokenizer.json"), /"type": "BPE"/, '"type": "Unigram"'),
    /tokenizer\.json/,
  ],
];

function edit(path: string, pattern: RegExp, replacement: string): void {
  const text = readFileSync(path, "utf8");
  assert.match(text, pattern);
  writeFileSync(path, text.replace(pattern, replacement));
}

for (const [name, spoil, message] of models) {
  test(`${name}: one clear sentence, and the next model works`, async (t) => {
    const client = await start(t, { settings: { modelPath: spoiltModel(t, spoil) } });
    await client.until(() => client.status?.state === "error" && client.shown.length > 0);
    assert.equal(client.shown.length, 1);
    assert.match(client.shown[0] ?? "", message);
    assert.doesNotMatch(client.shown[0] ?? "", /\n|undefined|\bat .*:\d+:\d+/);
    assert.equal((await client.requestStatus()).message, client.shown[0]);
    const uri = "file:///a.ts";
    await client.open(uri, "const a = ");
    assert.equal(await client.complete(uri, { line: 0, character: 10 }, { manual: true }), null);
    await client.setSettings({});
    await client.until(() => client.status?.state === "ready");
  });
}

test("files that cannot be read cost one log line each, and the others are read", async (t) => {
  const root = folder(t, {
    "good.ts": "export const good = 1;\n",
    "binary.ts": Buffer.from([0, 1, 2, 3]),
    "long.ts": "x".repeat(500_000),
    "huge.ts": Buffer.alloc(50 * 2 ** 20, "y"),
    "closed.ts": "export const closed = 1;\n",
    ".env": "TOKEN=secret\n",
  });
  chmodSync(join(root, "closed.ts"), 0o000);
  const client = await start(t, { folders: [root] });
  await client.until(() => client.status?.state === "ready");
  for (const name of ["binary.ts", "long.ts", "huge.ts"]) {
    assert.equal(client.log.filter((line) => line.includes(join(root, name))).length, 1, name);
  }
  if (process.getuid?.() !== 0) assert.ok(client.log.some((line) => line.includes("closed.ts")));
  assert.ok(!client.log.some((line) => line.includes("secret")));
  assert.ok((client.status?.tokensRead ?? 0) > 5);
});

test("a file that goes away while the repository is read is left out", async (t) => {
  const root = folder(t, program(10));
  const client = await start(t, { folders: [root] });
  await client.until(() => (client.status?.tokensTotal ?? 0) > 0);
  remove(join(root, "src"));
  await client.until(() => client.status?.state === "ready");
  const uri = pathToFileURL(join(root, "gone.ts")).href;
  await client.open(uri, "const a = ");
  await client.connection.sendNotification("textDocument/didSave", { textDocument: { uri } });
  await client.complete(uri, { line: 0, character: 10 }, { manual: true });
  assert.ok((await client.figures()).tokensDecoded > 0);
});

test("a document that is closed or deleted while it is completed is no error", async (t) => {
  const client = await start(t, {});
  await client.until(() => client.status?.state === "ready");
  const uri = "file:///a.ts";
  await client.open(uri, "const a = ".repeat(100));
  const running = client.complete(uri, { line: 0, character: 1000 }, { manual: true });
  await client.close(uri);
  assert.equal(await running, null);
  assert.equal(await client.complete(uri, { line: 0, character: 0 }), null);
});

const malformed: readonly [string, string][] = [
  ["a body that is no JSON", "Content-Length: 5\r\n\r\n{abc}"],
  ["an empty body", "Content-Length: 0\r\n\r\n"],
  ["a null body", "Content-Length: 4\r\n\r\nnull"],
  ["a list", "Content-Length: 2\r\n\r\n[]"],
  ["a number", "Content-Length: 2\r\n\r\n42"],
  ["a header without a length", "Content-Type: text/plain\r\n\r\n{}"],
  ["a length that is no number", "Content-Length: many\r\n\r\n{}"],
  ["a negative length", "Content-Length: -1\r\n\r\n{}"],
  ["a length that is too small", 'Content-Length: 3\r\n\r\n{"jsonrpc":"2.0"}'],
  ["garbage", "\u0000\u0001GET / HTTP/1.1\r\n\r\n"],
  [
    "a request without parameters",
    frame({ jsonrpc: "2.0", id: 990, method: "textDocument/inlineCompletion" }),
  ],
  [
    "a request with wrong parameters",
    frame({ jsonrpc: "2.0", id: 991, method: "textDocument/inlineCompletion", params: { textDocument: 3 } }),
  ],
  [
    "a change of an unknown document",
    frame({
      jsonrpc: "2.0",
      method: "textDocument/didChange",
      params: { textDocument: { uri: "x:y", version: 1 }, contentChanges: [] },
    }),
  ],
  [
    "a change without a range's end",
    frame({
      jsonrpc: "2.0",
      method: "textDocument/didChange",
      params: {
        textDocument: { uri: "file:///a.ts", version: 2 },
        contentChanges: [{ range: { start: {} }, text: "x" }],
      },
    }),
  ],
  ["an answer that nobody asked for", frame({ jsonrpc: "2.0", id: 4711, result: null })],
];

function frame(message: unknown): string {
  const body = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

test("malformed messages do not end the server, and the next message is understood", async (t) => {
  const client = await start(t, {});
  await client.until(() => client.status?.state === "ready");
  await client.open("file:///a.ts", "const a = ");
  for (const [name, bytes] of malformed) {
    client.sendRaw(bytes);
    assert.equal((await client.requestStatus()).state, "ready", name);
  }
  await assert.rejects(client.connection.sendRequest("stateline/unknown"), /Unhandled method/);
  await client.complete("file:///a.ts", { line: 0, character: 10 }, { manual: true });
  assert.ok((await client.figures()).tokensDecoded > 0);
});

test("a server that is killed in the middle of a request comes back with the state from disk", async (t) => {
  const root = folder(t, program(6));
  const storagePath = folder(t);
  const first = await Client.startReady({ folders: [root], storagePath });
  const { tokensRead } = await first.requestStatus();
  await first.stop();
  const second = await Client.startReady({ folders: [root], storagePath });
  await second.open("file:///a.ts", "const a = ".repeat(400));
  const unanswered = second.complete("file:///a.ts", { line: 0, character: 4000 }, { manual: true });
  unanswered.catch(() => undefined);
  await second.kill();
  write(root, "src/module0/file0.ts", "export const changedMeanwhile = 1;\n");
  const third = await Client.startReady({ folders: [root], storagePath });
  t.after(() => third.stop());
  assert.ok(third.log.some((line) => line.startsWith("Restored the repository state")));
  assert.ok(third.log.some((line) => line.endsWith("1 files changed since.")));
  assert.ok(third.log.some((line) => line.startsWith("Read the new text of src/module0/file0.ts")));
  const status = await third.requestStatus();
  assert.ok(status.tokensRead > 0 && status.tokensRead < tokensRead, JSON.stringify(status));
});

test("a damaged saved state is read anew", async (t) => {
  const root = folder(t, program(2));
  const storagePath = folder(t);
  const first = await Client.startReady({ folders: [root], storagePath });
  await first.stop();
  const states = join(storagePath, "states");
  for (const name of readdirSync(states).filter((file) => file.endsWith(".state"))) {
    const bytes = readFileSync(join(states, name));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    writeFileSync(join(states, name), bytes);
  }
  const second = await Client.startReady({ folders: [root], storagePath });
  t.after(() => second.stop());
  assert.ok(
    second.log.some((line) => line.startsWith("The saved repository state is not used")),
    second.log.join("\n"),
  );
  assert.ok(second.log.some((line) => line.startsWith("Read 3 files")));
});

test("the server ends when its client closes the pipe", async (t) => {
  const server = spawn(process.execPath, [SERVER, "--stdio"], { stdio: ["pipe", "ignore", "inherit"] });
  t.after(() => server.kill("SIGKILL"));
  server.stdin.end();
  const [code] = await once(server, "exit");
  assert.equal(code, 1);
});

test("settings of a client that answers no questions come with the initialisation", async (t) => {
  const client = await start(t, { answersConfiguration: false, settings: { hybridRatio: 1 } });
  await client.until(() => client.status?.state === "ready");
  assert.equal(client.status?.hybridRatio, 1);
  await client.setSettings({ hybridRatio: 0.5 });
  await client.until(() => client.status?.state === "ready" && client.status.hybridRatio === 0.5);
});

test("two folders are read one after the other", async (t) => {
  const client = await start(t, { folders: [folder(t, program(1)), folder(t, program(2))] });
  await client.until(() => client.status?.state === "ready");
  assert.ok(client.log.some((line) => line.startsWith("Read 5 files")));
});

test("while the repository is read completions are answered, and the server ends at once", async (t) => {
  const client = await Client.start({ folders: [folder(t, program(100))], storagePath: folder(t) });
  await client.until(() => client.status?.state === "reading" && client.status.tokensRead > 0);
  await client.open("file:///a.ts", "const a = ");
  await client.complete("file:///a.ts", { line: 0, character: 10 }, { manual: true });
  const figures = await client.figures();
  assert.ok(figures.tokensDecoded > 0, JSON.stringify(figures));
  assert.equal((await client.requestStatus()).state, "reading");
  await client.stop();
  assert.equal(client.process.exitCode, 0);
});

test("a folder that is opened later is read then", async (t) => {
  const client = await start(t, { folders: [] });
  await client.until(() => client.status?.state === "ready");
  assert.equal(client.status?.tokensRead, 0);
  client.folders = [folder(t, program(1))];
  await client.connection.sendNotification("workspace/didChangeWorkspaceFolders", {
    event: { added: [{ uri: pathToFileURL(client.folders[0] ?? "").href, name: "added" }], removed: [] },
  });
  await client.until(() => client.status?.state === "ready" && client.status.tokensRead > 500);
});

function run(input: string, file: string, ...args: string[]) {
  return spawnSync(process.execPath, [file, ...args], { encoding: "utf8", timeout: 60_000, input });
}

test("the command line says version, help, and what is missing", () => {
  assert.match(run("", SERVER, "--version").stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match(run("", SERVER, "--help").stdout, /--stdio/);
  const refused: readonly (readonly [string[], RegExp])[] = [
    [[], /^Say how to talk to the editor: --stdio or --node-ipc\.\n/],
    [["--stdin"], /^Stateline does not understand --stdin\. Say how/],
    [["--node-ipc"], /^Stateline does not understand --node-ipc without a parent process/],
  ];
  for (const [args, sentence] of refused) {
    const { status, stdout, stderr } = run("", SERVER, ...args);
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, sentence);
  }
});

test("completing in a terminal: what is typed is written on, with figures for each line", (t) => {
  const root = folder(t, { "a.ts": "const total = 1;\n" });
  const { status, stdout, stderr } = run(
    ["const a = ", "", "const b = "].join("\n"),
    CLI,
    "--no-cache",
    root,
  );
  assert.equal(status, 0, stderr);
  assert.equal(stdout.match(/ tokens advanced, \d+ decoded/g)?.length, 2, stdout);
});

test("completing in a terminal: figures for a place, a sentence and code 2 for a wrong one", (t) => {
  const root = folder(t, { "a.ts": "const total = 1;\nconst other = \n" });
  mkdirSync(join(root, "empty"));
  const good = run("", CLI, "--no-cache", "--at", `${join(root, "a.ts")}:2:15`, root);
  assert.equal(good.status, 0, good.stderr);
  assert.match(
    good.stdout,
    /tokens read, \d+ tokens\/s, state \d+ bytes, kv \d+ bytes; first line [\d.]+ ms/,
  );
  const wrong: readonly [string[], RegExp][] = [
    [["--at", join(root, "b.ts:1:1"), root], /b\.ts cannot be read/],
    [["--at", `${join(root, "a.ts")}:9:1`, root], /has lines 1 to 3, but line 9/],
    [["--at", `${join(root, "a.ts")}:1:99`, root], /has columns 1 to 17, but column 99/],
    [["--ratio", "3", root], /hybridRatio is 3/],
    [["--nonsense"], /--nonsense/],
    [[join(root, "nowhere")], /There is no folder/],
    [["--model", join(root, "empty"), "--no-cache", root], /config\.json/],
  ];
  for (const [args, message] of wrong) {
    const { status, stderr } = run("", CLI, ...args);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});

test("completing in a terminal: the rest of the line is hidden from model and index, and shown beside the answer", (t) => {
  const cache = folder(t);
  const text = `${"const herd = 1;\n".repeat(20)}const zebraQuota = vanishingQuota(herd, 17);\nconst after = 2;\n`;
  const root = folder(t, { "a.ts": text });
  const at = (...more: string[]) =>
    spawnSync(process.execPath, [CLI, ...more, "--at", `${join(root, "a.ts")}:21:20`, root], {
      encoding: "utf8",
      env: { ...process.env, XDG_CACHE_HOME: cache },
    }).stdout;
  const anew = at("--no-cache");
  assert.match(
    anew,
    /^offered {2}const zebraQuota = (?:.*\n)+?there {4}const zebraQuota = vanishingQuota\(herd, 17\);\n/,
  );
  assert.equal(anew.match(/vanishing/g)?.length, 1, anew);
  assert.doesNotMatch(anew, /earlier run/);
  assert.doesNotMatch(at(), /earlier run/);
  assert.match(
    at(),
    /\nThe state comes from an earlier run, which may have read this line; the index has not\./,
  );
  assert.equal(readFileSync(join(root, "a.ts"), "utf8"), text);
});

test("the server speaks over Node's channel too, and ends with its parent", async (t) => {
  const server = fork(SERVER, ["--node-ipc"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  t.after(() => server.kill("SIGKILL"));
  const answered = once(server, "message");
  server.send({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { processId: null, rootUri: null, capabilities: {} },
  });
  const [answer] = await answered;
  assert.equal(answer.result.capabilities.inlineCompletionProvider, true);
  server.disconnect();
  const [code] = await once(server, "exit");
  assert.equal(code, 1);
});
