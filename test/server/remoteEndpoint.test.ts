import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import { Cancelled } from "../../server/engine/engine.ts";
import { type RemoteAddress, readAddress } from "../../server/engine/remote/address.ts";
import type { TextChunk } from "../../server/engine/remote/answers.ts";
import { RemoteEndpoint } from "../../server/engine/remote/endpoint.ts";
import { RemoteError, type RemoteTrouble } from "../../server/engine/remote/errors.ts";
import { begin, CompletionsServer, error, event, json, stream } from "./fakes/completionsServer.ts";

let server: CompletionsServer;
let endpoint: RemoteEndpoint;
let nowMs = 0;
const logged: string[] = [];
const KEY = "sk-very-secret-0123456789";

beforeEach(async () => {
  server = await CompletionsServer.start();
  nowMs = 0;
  logged.length = 0;
  endpoint = endpointOf();
});

afterEach(async () => {
  endpoint.dispose();
  await server.stop();
});

function endpointOf(model = ""): RemoteEndpoint {
  const log = (line: string) => void logged.push(line);
  return new RemoteEndpoint({
    address: addressOf(server.url),
    model,
    key: () => KEY,
    log: { debug: log, info: log, warn: log },
    onChanged: () => undefined,
    nowMs: () => nowMs,
    random: () => 0,
  });
}

function addressOf(url: string): RemoteAddress {
  const read = readAddress(url, false);
  assert.ok("address" in read);
  return read.address;
}

async function ask(
  signal = new AbortController().signal,
  most = Number.POSITIVE_INFINITY,
): Promise<TextChunk[]> {
  const chunks: TextChunk[] = [];
  for await (const chunk of endpoint.complete({ prompt: "let a = ", maxTokens: 8, stop: [] }, signal)) {
    chunks.push(chunk);
    if (chunks.length >= most) break;
  }
  return chunks;
}

const textOf = (chunks: readonly TextChunk[]) => chunks.map(({ text }) => text).join("");

test("a text arrives with the log probabilities of its tokens and what the server had read before", async () => {
  server.answer = (response) => stream(response, ["one", "();"]);
  const chunks = await ask();
  assert.equal(textOf(chunks), "one();");
  assert.deepEqual(
    chunks.slice(0, 2).map(({ logProb }) => logProb),
    [-0.01, -0.01],
  );
  assert.deepEqual([chunks.at(-1)?.promptTokens, chunks.at(-1)?.cachedTokens], [100, 90]);
  assert.equal(server.questions[0]?.content.model, "qwen-stub");
  assert.equal(server.questions[0]?.authorization, `Bearer ${KEY}`);
});

test("log probabilities are understood in the words of chats, too", async () => {
  server.answer = (response) => {
    begin(response);
    const logprobs = { content: [{ logprob: -0.5 }, { logprob: -0.25 }] };
    response.write(`: a comment\n\ndata: ${JSON.stringify({ choices: [{ text: "ab", logprobs }] })}\n\n`);
    response.end(`${event("", -0.1, "stop")}data: [DONE]\n\n`);
  };
  const [chunk] = await ask();
  assert.deepEqual([chunk?.text, chunk?.logProb, chunk?.tokens], ["ab", -0.75, 2]);
});

test("characters that arrive byte by byte are whole", async () => {
  server.answer = async (response) => {
    begin(response);
    for (const byte of Buffer.from(event('s = "größe 🚀"'))) {
      response.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end(event("", -0.1, "stop"));
  };
  assert.equal(textOf(await ask()), 's = "größe 🚀"');
});

test("who reads no further ends the work on the server", async () => {
  server.answer = (response) => {
    begin(response);
    response.write(event("enough"));
  };
  assert.equal(textOf(await ask(undefined, 1)), "enough");
  await server.questions[0]?.takenBack;
  assert.equal(endpoint.problem, undefined);
});

test("a question that is taken back reaches the server, before and while it answers", async () => {
  for (const answer of [() => undefined, (response: ServerResponse) => begin(response)]) {
    server.answer = answer;
    const controller = new AbortController();
    const asking = assert.rejects(ask(controller.signal), Cancelled);
    const question = await server.asked(server.questions.length + 1);
    controller.abort();
    await asking;
    await question.takenBack;
  }
  assert.equal(endpoint.isAway, false);
});

interface Fault {
  readonly name: string;
  readonly answer: (response: ServerResponse) => unknown;
  readonly says: RegExp;
  readonly trouble?: RemoteTrouble;
}

function streamOf(response: ServerResponse, events: string): void {
  begin(response);
  response.end(events);
}

function breakOff(response: ServerResponse): void {
  begin(response);
  response.write(event("half"), () => response.socket?.resetAndDestroy());
}

const FAULTS: readonly Fault[] = [
  {
    name: "a wrong key",
    answer: (r) => error(r, 401, `Incorrect key: ${KEY}`),
    says: /refuses the key \(401\)/,
    trouble: "refused",
  },
  {
    name: "a forbidden model",
    answer: (r) => error(r, 403, "no"),
    says: /refuses access/,
    trouble: "refused",
  },
  {
    name: "a model that is not there",
    answer: (r) => error(r, 404, "no such model"),
    says: /remoteModel/,
    trouble: "refused",
  },
  {
    name: "too many questions",
    answer: (r) => error(r, 429, "slow down"),
    says: /too much to do.*slow down/,
  },
  {
    name: "an error of the server",
    answer: (r) => error(r, 500, "out of memory"),
    says: /answers 500: out of memory/,
  },
  { name: "a server that starts", answer: (r) => error(r, 503, "loading"), says: /not ready \(503\)/ },
  {
    name: "a question that does not fit",
    answer: (r) => error(r, 400, "maximum context length"),
    says: /400.*context/,
    trouble: "unfit",
  },
  {
    name: "a page of a proxy",
    answer: (r) => r.writeHead(502).end("<html>bad gateway</html>"),
    says: /answers 502\.$/,
  },
  {
    name: "a redirect",
    answer: (r) => r.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
    says: /answers 302/,
    trouble: "refused",
  },
  {
    name: "another kind of answer",
    answer: (r) => json(r, { choices: [] }),
    says: /application\/json instead of a stream/,
  },
  {
    name: "lines that are no JSON",
    answer: (r) => streamOf(r, "data: {oops\n\n"),
    says: /else than JSON/,
  },
  {
    name: "JSON that is no completion",
    answer: (r) => streamOf(r, 'data: {"a":[1]}\n\n'),
    says: /else than a completion/,
  },
  { name: "JSON that is a list", answer: (r) => streamOf(r, "data: [1]\n\n"), says: /else than JSON/ },
  {
    name: "an error in the stream",
    answer: (r) => streamOf(r, 'data: {"error":{"message":"CUDA"}}\n\n'),
    says: /ended with an error: CUDA/,
  },
  { name: "an end in the middle", answer: (r) => streamOf(r, event("half")), says: /broke off/ },
  { name: "half an event", answer: (r) => streamOf(r, "data: {"), says: /broke off/ },
  {
    name: "a broken connection",
    answer: (r) => breakOff(r),
    says: /broke the connection/,
  },
  {
    name: "a connection broken at once",
    answer: (r) => r.socket?.resetAndDestroy(),
    says: /broke the connection/,
  },
  {
    name: "an answer without end",
    answer: (r) => streamOf(r, event("x".repeat(2 ** 20))),
    says: /without an end/,
  },
];

for (const { name, answer, says, trouble = "away" } of FAULTS) {
  test(`${name} is one sentence, never the key, and the server is left alone unless the question was at fault`, async () => {
    server.answer = answer;
    await assert.rejects(ask(), (cause) => {
      assert.ok(cause instanceof RemoteError, String(cause));
      assert.match(cause.message, says);
      assert.equal(cause.trouble, trouble);
      return true;
    });
    assert.equal(endpoint.isAway, trouble !== "unfit");
    assert.ok(![...logged, endpoint.problem].join().includes(KEY));
    const asked = server.questions.length;
    if (trouble !== "unfit") await assert.rejects(ask(), RemoteError);
    assert.equal(server.questions.length, trouble === "unfit" ? 1 : asked);
  });
}

test("no server, and a name that nobody knows, are sentences", async () => {
  const gone = await CompletionsServer.start();
  const { url } = gone;
  await gone.stop();
  for (const [address, says] of [
    [url, /no server is there/],
    ["https://nowhere.invalid/v1", /nobody knows/],
  ] as const) {
    endpoint.dispose();
    endpoint = new RemoteEndpoint({
      address: addressOf(address),
      model: "",
      key: () => undefined,
      log: { debug() {}, info() {}, warn() {} },
      onChanged: () => undefined,
    });
    await assert.rejects(ask(), says);
  }
});

test("a failing server is asked again after a pause that doubles, at once when something was changed", async () => {
  server.answer = (response) => error(response, 500, "no");
  const pauses = [500, 1000, 2000, 4000];
  for (const [i, pauseMs] of pauses.entries()) {
    await assert.rejects(ask(), RemoteError);
    assert.equal(server.questions.length, i + 1);
    nowMs += pauseMs - 1;
    assert.equal(endpoint.isAway, true);
    nowMs += 1;
    assert.equal(endpoint.isAway, false);
  }
  await assert.rejects(ask(), RemoteError);
  endpoint.forgive();
  server.answer = (response) => stream(response, ["well"]);
  assert.equal(textOf(await ask()), "well");
  assert.equal(endpoint.problem, undefined);
  assert.equal(logged.filter((line) => /left alone/.test(line)).length, 1);
});

test("a server that says when to come back is left alone so long", async () => {
  server.answer = (response) => error(response, 429, "later", { "retry-after": "7" });
  await assert.rejects(ask(), RemoteError);
  nowMs = 6999;
  assert.equal(endpoint.isAway, true);
  nowMs = 7000;
  assert.equal(endpoint.isAway, false);
});

test("a server that tells no log probabilities is asked without", async () => {
  server.answer = (response, { content }) =>
    content.logprobs === undefined
      ? streamOf(response, event("fine", undefined, "stop"))
      : error(response, 500, "logprobs is not supported for models created with logits_all=False");
  for (const _ of [1, 2]) assert.equal(textOf(await ask()), "fine");
  assert.deepEqual(
    server.questions.map(({ content }) => content.logprobs),
    [1, undefined, undefined],
  );
});

test("a model that is named needs no list of models", async () => {
  endpoint.dispose();
  endpoint = endpointOf("coder");
  server.list = (response) => error(response, 404, "no list");
  server.answer = (response) => stream(response, ["fine"]);
  assert.equal(textOf(await ask()), "fine");
  assert.equal(server.questions[0]?.content.model, "coder");
});

test("connections serve many answers", async () => {
  const sockets = new Set<unknown>();
  server.answer = (response) => {
    sockets.add(response.socket);
    stream(response, ["a"]);
  };
  for (const _ of [1, 2, 3, 4, 5, 6, 7, 8]) await ask();
  // The next question may come before the last answer's end is read.
  assert.ok(sockets.size <= 2, `${sockets.size} connections`);
});

const ADDRESSES: readonly (readonly [written: string, expected: string | RegExp])[] = [
  ["https://gpu.example.com", "https://gpu.example.com/v1/completions"],
  ["https://gpu.example.com/v1/", "https://gpu.example.com/v1/completions"],
  [" https://gpu.example.com/team/v1/completions ", "https://gpu.example.com/team/v1/completions"],
  ["http://localhost:8000", "http://localhost:8000/v1/completions"],
  ["http://127.1.2.3:8000/v1", "http://127.1.2.3:8000/v1/completions"],
  ["http://[::1]:8000/v1", "http://[::1]:8000/v1/completions"],
  ["http://gpu.example.com", /not encrypted/],
  ["http://127.0.0.1.example.com", /not encrypted/],
  ["http://192.168.1.2", /not encrypted/],
  ["ftp://gpu.example.com", /no address/],
  ["gpu.example.com", /no address/],
  ["https://me:secret@gpu.example.com", /name or a password/],
  ["https://gpu.example.com/?key=secret", /ends with/],
];

for (const [written, expected] of ADDRESSES) {
  test(`the address "${written}" is ${expected}`, () => {
    const read = readAddress(written, false);
    if (typeof expected === "string")
      assert.equal("address" in read && read.address.completions.href, expected);
    else {
      assert.ok("problem" in read);
      assert.match(read.problem, expected);
      assert.ok(!read.problem.includes("secret"));
    }
  });
}

test("without encryption only a server on this machine is spoken to, unless that is allowed", () => {
  const read = readAddress("http://gpu.example.com", true);
  assert.ok("address" in read && read.address.leavesMachine);
  assert.equal(addressOf("http://localhost:1").leavesMachine, false);
});
