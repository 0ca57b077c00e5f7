/**
 * Real servers of completions: `./dev test:remote URL ...`, each URL of one that runs. A model of random weights does
 * (model/tiny_llama.py): what is looked at is how they speak, stop and remember, not what they write.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RemoteWriter } from "../../server/completion/remoteWriter.ts";
import type { Question } from "../../server/completion/writer.ts";
import { Cancelled } from "../../server/engine/engine.ts";
import { readAddress } from "../../server/engine/remote/address.ts";
import type { TextChunk } from "../../server/engine/remote/answers.ts";
import { RemoteEndpoint } from "../../server/engine/remote/endpoint.ts";
import { RemoteError } from "../../server/engine/remote/errors.ts";
import { Passages } from "../../server/repository/passages.ts";

const urls = (process.env.STATELINE_REMOTE_SERVERS ?? "").split(" ").filter((url) => url !== "");
const LONG = "const value = compute(first, second);\n".repeat(60);
/** A server may take so long to notice that a connection was closed. */
const NOTICED_MS = 5000;

for (const url of urls) {
  const endpoint = endpointAt(url);
  after(() => endpoint.dispose());

  const ask = async (prompt: string, maxTokens = 16, signal = new AbortController().signal) => {
    const chunks: TextChunk[] = [];
    for await (const chunk of endpoint.complete({ prompt, maxTokens, stop: [] }, signal)) chunks.push(chunk);
    return chunks;
  };

  // The first question after its start may have a server compile what it needs.
  before(async () => {
    for (let patience = 6; patience > 0; patience--) {
      if (
        await ask(LONG).then(
          () => true,
          () => false,
        )
      )
        return;
      endpoint.forgive();
    }
  });

  test(`${url} names its model and writes a text, the same each time`, async () => {
    const { id } = await endpoint.served(new AbortController().signal);
    assert.notEqual(id, "");
    const textOf = (chunks: readonly TextChunk[]) => chunks.map(({ text }) => text).join("");
    const first = textOf(await ask(LONG));
    assert.notEqual(first, "");
    assert.equal(textOf(await ask(LONG)), first);
  });

  test(`${url} tells log probabilities, or is asked without`, async () => {
    const chunks = await ask(LONG);
    const told = chunks.filter(({ text, logProb }) => text !== "" && logProb !== undefined).length;
    console.log(`${url}: ${told} of ${chunks.length} pieces with log probabilities`);
    assert.equal(endpoint.problem, undefined);
  });

  test(`${url} finds the beginning of a prompt again`, async (context) => {
    await ask(LONG);
    const counts = (await ask(`${LONG}let `)).findLast(({ promptTokens }) => promptTokens !== undefined);
    if (counts?.cachedTokens === undefined) return context.skip("the server does not tell");
    console.log(`${url}: ${counts.cachedTokens} of ${counts.promptTokens} tokens were read before`);
    assert.ok(counts.cachedTokens > 0.8 * (counts.promptTokens ?? 0));
  });

  test(`${url} ends its work when nobody reads on, and when a question is taken back`, async () => {
    for (const way of ["reads on", "waits"] as const) {
      const controller = new AbortController();
      const stream = endpoint.complete({ prompt: LONG, maxTokens: 4000, stop: [] }, controller.signal);
      await stream.next();
      if (way === "reads on") await stream.return(undefined);
      else {
        controller.abort();
        await assert.rejects(stream.next(), Cancelled);
      }
      await idle(url);
    }
    assert.equal(endpoint.isAway, false);
  });

  test(`${url}: a prompt that is too long is the question's fault`, async () => {
    await assert.rejects(ask(LONG.repeat(200)), (cause) => {
      assert.ok(cause instanceof RemoteError);
      console.log(`${url}: ${cause.message}`);
      return true;
    });
    endpoint.forgive();
    assert.ok((await ask(LONG)).length > 0);
  });

  test(`${url}: a document is completed`, async () => {
    const writer = new RemoteWriter({
      endpoint,
      format: "auto",
      passages: () => new Passages(),
      mayBeTold: () => true,
    });
    const document = { uri: "file:///a.ts", relativePath: "a.ts", languageId: "typescript", text: LONG };
    const question: Question = {
      request: { document, offset: LONG.length, manual: true, others: [] },
      around: { before: `${LONG}const other = (`, after: "\n" },
      wantsMore: () => false,
      leastLogProb: undefined,
      signal: new AbortController().signal,
    };
    const { tokensDecoded, msDecoding } = await writer.write(question);
    console.log(`${url}: ${tokensDecoded} tokens in ${msDecoding.toFixed(0)} ms`);
    assert.ok(tokensDecoded > 0);
  });
}

test("a server is named", { skip: urls.length > 0 }, () => {
  assert.fail("Name the servers: ./dev test:remote http://localhost:8000/v1 ...");
});

function endpointAt(url: string): RemoteEndpoint {
  const read = readAddress(url, true);
  if ("problem" in read) throw new Error(read.problem);
  const key = () => process.env.STATELINE_REMOTE_KEY;
  const log = { debug() {}, info: console.log, warn: console.log };
  return new RemoteEndpoint({ address: read.address, model: "", key, log, onChanged: () => undefined });
}

/** Resolves when the server says that it works on nothing; where it has no metrics, when it answers another question at once. */
async function idle(url: string): Promise<void> {
  const begunMs = performance.now();
  for (;;) {
    const response = await fetch(new URL("/metrics", url));
    const running = /^(?:vllm:num_requests_running|llamacpp:requests_processing)\S* ([\d.]+)/m.exec(
      response.ok ? await response.text() : "",
    );
    if (!running) return;
    if (Number(running[1]) === 0) return;
    assert.ok(performance.now() - begunMs < NOTICED_MS, `${url} works on for nobody`);
    await delay(50);
  }
}
