import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameFilter } from "../../server/frames.ts";

const frame = (body: string) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const good = frame('{"jsonrpc":"2.0"}');

async function pass(input: Buffer, chunkBytes: number): Promise<{ output: string; problems: string[] }> {
  const problems: string[] = [];
  const filter = new FrameFilter((line) => problems.push(line));
  for (let at = 0; at < input.length; at += chunkBytes) filter.write(input.subarray(at, at + chunkBytes));
  filter.end();
  let output = "";
  for await (const chunk of filter) output += chunk;
  return { output, problems };
}

const cases: readonly [string, string, boolean][] = [
  ["well-formed frames", "", false],
  ["a header without a length", 'Content-Type: x\r\n\r\n{"a":1}', true],
  ["a length that is no number", "Content-Length: abc\r\n\r\n{}", true],
  ["a negative length", "Content-Length: -5\r\n\r\n{}", true],
  ["an enormous length", "Content-Length: 999999999\r\n\r\n{}", true],
  ["two lengths", "Content-Length: 17\r\ncontent-length:2\r\n\r\n{}", true],
  ["bytes without any header", "hello\nworld", true],
  ["a length that is too small", 'Content-Length: 3\r\n\r\n{"a":1}', true],
  ["a long line of garbage", "x".repeat(10_000), true],
];

for (const [name, garbage, complains] of cases) {
  for (const chunkBytes of [1, 7, 100_000]) {
    test(`after ${name}, in chunks of ${chunkBytes}, the next messages pass`, async () => {
      const { output, problems } = await pass(Buffer.from(good + garbage + good + good), chunkBytes);
      assert.ok(output.startsWith(good));
      assert.ok(output.endsWith(good + good));
      assert.equal(problems.length > 0, complains);
    });
  }
}

test("a body of several megabytes in small chunks passes quickly and whole", async () => {
  const body = JSON.stringify({ text: "🙂".repeat(500_000) });
  const { output } = await pass(Buffer.from(frame(body) + good), 4096);
  assert.equal(output, frame(body) + good);
});
