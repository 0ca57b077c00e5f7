import assert from "node:assert/strict";
import { test } from "node:test";
import { ContextBuilder, prefixStart, suffixOf } from "../../server/completion/context.ts";
import { ContextShare } from "../../server/completion/contextShare.ts";
import { PrefixCache } from "../../server/completion/prefixCache.ts";
import { SnippetChoice } from "../../server/completion/snippets.ts";
import { jobTokens, ReadingSpeed } from "../../server/engine/readingSpeed.ts";
import { areFew, isWorn, slowReading, stateTokens } from "../../server/repository/budget.ts";
import { FilePolicy } from "../../server/repository/filePolicy.ts";
import { Passages } from "../../server/repository/passages.ts";
import { readInto } from "../../server/repository/reading.ts";
import { FakeModel, FakeState } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const tokenizer = await fakeTokenizer();
const policy = new FilePolicy([]);

function modelAt(tokensPerSecond: number, heads = 8): FakeModel {
  const model = new FakeModel(tokenizer);
  model.tokensPerSecond = tokensPerSecond;
  return Object.assign(model, { info: { ...model.info, heads } });
}

test("a speed is that of the latest jobs, a slower one counts half, a short one nothing", () => {
  const speed = new ReadingSpeed();
  assert.equal(speed.tokensPerSecond, Number.POSITIVE_INFINITY);
  const seen = [
    [31, 1000],
    [64, 64],
    [128, 64],
    [100, 100],
    [1, 1000],
  ].map(([tokens = 0, ms = 0]) => {
    speed.note(tokens, ms);
    return speed.tokensPerSecond;
  });
  assert.deepEqual(seen, [Number.POSITIVE_INFINITY, 1000, 2000, 1500, 1500]);
});

for (const [tokensPerSecond, expected] of [
  [Number.POSITIVE_INFINITY, 2048],
  [20_000, 2048],
  [1000, 224],
  [200, 32],
  [1, 32],
] as const) {
  test(`at ${tokensPerSecond} tokens a second a job of reading has ${expected}`, () => {
    assert.equal(jobTokens(tokensPerSecond, 2048), expected);
  });
}

const budgets: readonly [string, number, number, number, number][] = [
  ["a fast model reads its files", Number.POSITIVE_INFINITY, 8, 1024, 8192],
  ["heads that attend find as many as they look back on", Number.POSITIVE_INFINITY, 8, 20_000, 20_000],
  ["layers that always attend look back on less", Number.POSITIVE_INFINITY, 0, 40_000, 8192],
  ["a slow one reads for five seconds", 200, 0, 40_000, 1000],
  ["the window of a slow one is not filled", 200, 8, 20_000, 1000],
  ["a very slow one reads a beginning", 1, 0, 0, 128],
];
for (const [name, tokensPerSecond, heads, attentionWindow, expected] of budgets) {
  test(`of the state: ${name}`, () => {
    const settings = { policy, stateHeads: 0, attentionWindow };
    assert.equal(stateTokens(modelAt(tokensPerSecond, heads), settings), expected);
  });
}

test("only of a slow model it is said how much its state reads", () => {
  assert.deepEqual(slowReading(modelAt(200)), { tokens: 1000, seconds: 5 });
  assert.deepEqual(slowReading(modelAt(1)), { tokens: 128, seconds: 128 });
  assert.equal(slowReading(modelAt(2000)), undefined);
});

test("what is appended and when a state is worn goes by what it began with", () => {
  const file = { folder: 0, path: "/a", relativePath: "a", sizeBytes: 2900, modifiedMs: 0 };
  assert.ok(areFew([file], 1001) && !areFew([file], 999) && !areFew(new Array(9).fill(file), 100_000));
  assert.ok(isWorn(2001, 1000) && !isWorn(2000, 1000));
});

test("reading is cut into jobs that a keystroke can wait for, and its name does not depend on them", async () => {
  const tokens = Int32Array.from({ length: 1000 }, (_, i) => i % 200);
  const names: string[] = [];
  for (const [tokensPerSecond, jobs] of [
    [Number.POSITIVE_INFINITY, [1000]],
    [1024, [256, 256, 256, 232]],
  ] as const) {
    const model = modelAt(tokensPerSecond);
    const state = model.initialState(0);
    const start = {
      settings: { policy, stateHeads: 0, attentionWindow: 0 },
      focus: undefined,
      state,
      hash: "",
    };
    const { signal } = new AbortController();
    const read = await readInto(start, tokens, { model, signal, onBatch: () => undefined });
    assert.deepEqual(model.advanced, jobs);
    assert.ok(read.state instanceof FakeState && read.state.tokenCount === 1000);
    names.push(read.hash);
  }
  assert.equal(names[0], names[1]);
});

test("a context is advanced in jobs that a keystroke can wait for", async () => {
  const model = modelAt(300);
  const root = { state: model.initialState(6), generation: 0 };
  const cache = new PrefixCache(model);
  const tokens = Array.from({ length: 150 }, (_, i) => 10 + i);
  const { state } = await cache.advance(() => root, tokens, new AbortController().signal);
  assert.deepEqual(model.advanced, [64, 64, 22]);
  assert.equal(state.tokenCount, 150);
  cache.dispose();
});

test("the share of the context follows the speed, and stays while that is nearly right", () => {
  const share = new ContextShare();
  const shares = [Number.POSITIVE_INFINITY, 1400, 1000, 700, 1300, 1500, 100, 1, 200, 250, 400, 5000];
  assert.deepEqual(
    shares.map((speed) => share.at(speed)),
    [1, 1, 1, 0.5, 0.5, 1, 0.125, 0.125, 0.125, 0.125, 0.25, 1],
  );
});

const lines = Array.from({ length: 400 }, (_, i) => `const value${i} = compute(${i});\n`);
for (const share of [1, 0.5, 0.25, 0.125]) {
  test(`at a share of ${share} prefix and suffix are as short, and begin elsewhere as rarely`, () => {
    const text = lines.join("");
    const starts = new Set<number>();
    for (let end = 8000; end < 8000 + share * 800; end++) {
      const start = prefixStart(text.slice(0, end), share);
      assert.ok(end - start <= share * 2000 && end - start > share * 500, `${end - start} characters`);
      starts.add(start);
    }
    assert.ok(starts.size <= 3, `${starts.size} beginnings`);
    assert.ok(suffixOf(text, share).length <= share * 1200);
  });
}

test("a shorter context has fewer snippets", () => {
  const passages = new Passages();
  for (const name of ["one", "two"])
    passages.set(`/${name}.ts`, `${name}.ts`, `compute(value7, ${name}Thing);\n`);
  const builder = new ContextBuilder(tokenizer, new SnippetChoice(() => passages));
  const document = { uri: "file:///a.ts", relativePath: "a.ts", languageId: "typescript", text: "" };
  const headersAt = (share: number) => {
    const { tokens } = builder.build(document, { before: "compute(value7, ", after: "" }, [], share);
    return tokens.filter((token) => token === tokenizer.special.fileSep).length;
  };
  assert.deepEqual([1, 0.5, 0.25].map(headersAt), [3, 2, 1]);
});
