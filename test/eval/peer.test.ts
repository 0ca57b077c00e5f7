import assert from "node:assert/strict";
import { test } from "node:test";
import { promptOf } from "../../scripts/eval/peer/model.ts";

test("A model that fills in is given the text around the cursor", () => {
  const all = { before: "b".repeat(3600), after: "a".repeat(1200) };
  assert.deepEqual(promptOf(all), all);
  const { before, after } = promptOf({ before: "b".repeat(10_000), after: "a".repeat(5000) });
  assert.ok(before.length > 2400 && before.length <= 3600);
  assert.equal(after.length, 1200);
});

test("While a person types, what it is given begins at the same place, and so is not read again", () => {
  const text = Array.from({ length: 6000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
  const starts = new Set<number>();
  for (let cursor = 4900; cursor < 5900; cursor++) {
    const { before } = promptOf({ before: text.slice(0, cursor), after: "" });
    starts.add(cursor - before.length);
  }
  assert.deepEqual([...starts], [2400]);
});
