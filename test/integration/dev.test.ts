/** `./dev server --stdio` as an editor starts it: whatever its set-up says, standard output is LSP alone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";

const dev = join(fileURLToPath(new URL("../..", import.meta.url)), "dev");

test("./dev server --stdio speaks LSP from its first byte, and ends with the session", async (context) => {
  const server = spawn(dev, ["server", "--stdio"], { cwd: tmpdir(), stdio: ["pipe", "pipe", "pipe"] });
  context.after(() => server.kill());
  const exit = once(server, "exit");
  let bytes = Buffer.alloc(0);
  server.stdout.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  let steps = "";
  server.stderr.on("data", (chunk: Buffer) => {
    steps += chunk.toString();
  });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  connection.listen();
  const { capabilities } = await connection.sendRequest<{ capabilities: Record<string, unknown> }>(
    "initialize",
    {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
    },
  );
  assert.ok(capabilities.inlineCompletionProvider);
  await connection.sendRequest("shutdown");
  await connection.sendNotification("exit");
  assert.deepEqual(await exit, [0, null]);
  connection.dispose();
  assert.match(bytes.toString("utf8", 0, 16), /^Content-Length: /);
  assert.match(steps, /compile native/);
});
