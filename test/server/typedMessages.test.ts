import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { createConnection, ProgressType } from "vscode-languageserver/node";
import type { Notification, Request } from "../../protocol/message.ts";
import { notify, onNotification, onRequest, sendPartial } from "../../server/typedMessages.ts";

const up = new PassThrough();
const down = new PassThrough();
const server = createConnection(up, down);
const client = createConnection(down, up);
after(() => {
  client.dispose();
  server.dispose();
});

const ECHO = { method: "test/echo" } as Request<{ readonly n: number }, { readonly given: unknown }, number>;
const TOLD = { method: "test/told" } as Notification<{ readonly n: number }>;
const TELLS = { method: "test/tells" } as Notification<string>;

onRequest(server, ECHO, (params, token) => {
  sendPartial(server, ECHO, "part", 7);
  sendPartial(server, ECHO, undefined, 8);
  return { given: { params, isCancellable: typeof token.onCancellationRequested === "function" } };
});
onNotification(server, TOLD, ({ n }) => notify(server, TELLS, `told ${n}`));
server.listen();
client.listen();

for (const [name, params, expected] of [
  ["its parameters", { n: 1 }, { n: 1 }],
  ["null where the client sends null", null, null],
  ["null where the client sends none", undefined, null],
] as const) {
  test(`a handler gets ${name}, and the token of cancellation`, async () => {
    const answer = await (params === undefined
      ? client.sendRequest(ECHO.method)
      : client.sendRequest(ECHO.method, params));
    assert.deepEqual(answer, { given: { params: expected, isCancellable: true } });
  });
}

test("partial results go to the token that the client gave, and nowhere without one", async () => {
  const parts: number[] = [];
  client.onProgress(new ProgressType<number>(), "part", (part) => {
    parts.push(part);
  });
  await client.sendRequest(ECHO.method, { n: 1 });
  assert.deepEqual(parts, [7]);
});

test("notifications go both ways", async () => {
  const told = new Promise((resolve) => client.onNotification(TELLS.method, resolve));
  await client.sendNotification(TOLD.method, { n: 3 });
  assert.equal(await told, "told 3");
});
