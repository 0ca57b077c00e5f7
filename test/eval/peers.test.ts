/** What is raced against llama.cpp: how much of each context is new. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../../scripts/bench/peers/cases.ts";
import type { Racer } from "../../scripts/bench/peers/racer.ts";

class Recorder implements Racer {
  readonly written: { context: readonly number[]; count: number }[] = [];

  async write(context: readonly number[], count: number): Promise<void> {
    this.written.push({ context, count });
  }
  fill(before: readonly number[], after: readonly number[], count: number): Promise<void> {
    return this.write([...after, ...before], count);
  }
  async forget(): Promise<void> {
    this.written.length = 0;
  }
  async dispose(): Promise<void> {}
}

/** Tokens in common with the context before, then of the timed context what comes after them. */
const expected = {
  "read 512": [0, 512],
  "read 4096": [0, 4096],
  "read 32768": [0, 32_768],
  "decode 64": [1024, 1],
  "one character typed": [1024, 1],
  "one character typed, text after it": [1280, 1],
  "ten characters deleted": [1020, 1],
  "an edit 512 tokens back": [512, 512],
};

test("every case is here", () => {
  assert.deepEqual(
    CASES.map(({ name }) => name),
    Object.keys(expected),
  );
});

for (const one of CASES) {
  test(`${one.name}: so much is known and so much is new, in every round`, async () => {
    const recorder = new Recorder();
    for (const round of [0, 1, 2]) {
      await one.prepare(recorder, 256, round);
      const before = recorder.written.at(-1)?.context ?? [];
      await one.time(recorder, 256, round);
      const { context, count } = recorder.written.at(-1)!;
      const known = context.findIndex((token, at) => token !== before[at]);
      assert.deepEqual([known, context.length - known], expected[one.name as keyof typeof expected]);
      assert.ok(context.length + count <= one.tokens + 1);
    }
  });
}
