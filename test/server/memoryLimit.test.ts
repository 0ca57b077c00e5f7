import assert from "node:assert/strict";
import { test } from "node:test";
import { affordableWindow, MOST_CACHE_BYTES, sentenceOnWindow } from "../../server/repository/memoryLimit.ts";

/** Of the embedded model at ratio 0. */
const BYTES_PER_TOKEN = 19_008;

const cases: readonly [string, number, number, number][] = [
  ["the default is as asked", 6, 1024, 1024],
  ["unbounded where nothing attends stays unbounded", 8, 0, 0],
  ["unbounded is bounded", 6, 0, 225_955],
  ["gigabytes are refused", 0, 10_000_000, 56_488],
  ["what just fits is as asked", 0, 56_488, 56_488],
];
for (const [name, stateHeads, asked, expected] of cases) {
  test(`attention window: ${name}`, () => {
    const window = affordableWindow({ stateHeads, attentionWindow: asked }, 8, BYTES_PER_TOKEN);
    assert.equal(window, expected);
    const bytes = (window * BYTES_PER_TOKEN * (8 - stateHeads)) / 8;
    assert.ok(bytes <= MOST_CACHE_BYTES);
    const sentence = sentenceOnWindow(asked, window);
    if (asked === expected) assert.equal(sentence, undefined);
    else assert.match(sentence ?? "", /^[^\n]+1 GiB.*\d+ tokens are used.*\.$/);
  });
}

test("attention window: of a model without heads that switch the cache is what it is", () => {
  const shape = { stateHeads: 0, attentionWindow: 0 };
  assert.equal(affordableWindow(shape, 0, 0), 0);
  assert.equal(affordableWindow(shape, 0, 25_152), Math.floor(MOST_CACHE_BYTES / 25_152));
});
