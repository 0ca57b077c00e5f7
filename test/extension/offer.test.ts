import assert from "node:assert/strict";
import { test } from "node:test";
import type { Offer } from "../../extension/offer.ts";
import { fake } from "./fakes/vscode.ts";

assert.ok(fake);
const { Meter } = await import("../../extension/meter.ts");

const URI = "file:///a.ts";

/** Line 3 is `before`, with the cursor at its end. */
function offer(before: string, insertText: string, line = 3): Offer {
  const cursor = { line, character: before.length };
  return { uri: URI, line, text: before + insertText, rest: insertText, cursor };
}

async function show(meter: InstanceType<typeof Meter>, offered: Offer | undefined) {
  await meter.measure(
    () => null,
    () => offered,
  );
}

for (const { name, offers, shown } of [
  { name: "one text", offers: [offer("a", "bcd")], shown: 1 },
  { name: "a text typed along", offers: [offer("a", "bcd"), offer("ab", "cd"), offer("abc", "d")], shown: 1 },
  {
    name: "a text deleted a little and shown again",
    offers: [offer("ab", "cd"), offer("a", "bcd")],
    shown: 1,
  },
  {
    name: "lines typed along to the second",
    offers: [offer("a", "b\n  c()\nd"), offer("  c", "()\nd", 4)],
    shown: 1,
  },
  { name: "another end", offers: [offer("a", "bcd"), offer("ab", "xx")], shown: 2 },
  { name: "the same in another line", offers: [offer("a", "bcd"), offer("a", "bcd", 9)], shown: 2 },
  {
    name: "the same in another document",
    offers: [offer("a", "bcd"), { ...offer("a", "bcd"), uri: "file:///b.ts" }],
    shown: 2,
  },
  { name: "nothing", offers: [undefined], shown: 0 },
]) {
  test(`shown is counted once for a text: ${name}`, async () => {
    const meter = new Meter();
    for (const one of offers) await show(meter, one);
    assert.equal(meter.counts.shown, shown);
  });
}

/** "whole" accepts what is left as the editor's command says it, of the text as it was answered last. */
for (const { name, text, steps, accepted, characters } of [
  { name: "a word", text: "const value = 1", steps: ["const"], accepted: 1, characters: 5 },
  {
    name: "three words",
    text: "const value = 1",
    steps: ["const", " value", " ="],
    accepted: 1,
    characters: 13,
  },
  { name: "a line", text: "one()\ntwo()", steps: ["one()"], accepted: 1, characters: 5 },
  {
    name: "a line with its end",
    text: "one()\ntwo()\nthree()",
    steps: ["one()\n", "two()"],
    accepted: 1,
    characters: 11,
  },
  { name: "letters that are typed", text: "value", steps: ["v", "a", "l"], accepted: 0, characters: 0 },
  { name: "letters, then a word", text: "value = 1", steps: ["v", "alue"], accepted: 1, characters: 4 },
  { name: "a bracket with its closer", text: "() => 1", steps: ["()"], accepted: 0, characters: 0 },
  {
    name: "a new line with its indentation",
    text: "\n    return 1",
    steps: ["\n    "],
    accepted: 0,
    characters: 0,
  },
  { name: "other text", text: "value", steps: ["other"], accepted: 0, characters: 0 },
  { name: "a word after other text", text: "value = 1", steps: ["x", "value"], accepted: 0, characters: 0 },
  { name: "all of it", text: "value", steps: ["whole"], accepted: 1, characters: 5 },
  {
    name: "a word, then the rest",
    text: "const value",
    steps: ["const", "whole"],
    accepted: 1,
    characters: 11,
  },
]) {
  test(`what is accepted is counted by its pieces: ${name}`, async () => {
    const meter = new Meter();
    await show(meter, offer("", text));
    let at = { line: 3, character: 0 };
    for (const step of steps) {
      if (step === "whole") meter.countAccepted(text.length);
      else {
        if (meter.isFollowing(URI)) meter.inserted({ at, text: step });
        const lines = step.split("\n");
        const last = lines.at(-1) ?? "";
        at =
          lines.length === 1
            ? { line: at.line, character: at.character + step.length }
            : { line: at.line + lines.length - 1, character: last.length };
      }
    }
    assert.equal(meter.counts.accepted, accepted);
    assert.equal(meter.counts.acceptedCharacters, characters);
  });
}

test("a text that is shown anew after a word was taken is the same one, and is accepted once", async () => {
  const meter = new Meter();
  await show(meter, offer("", "const value"));
  meter.inserted({ at: { line: 3, character: 0 }, text: "const" });
  await show(meter, offer("const", " value"));
  meter.countAccepted(" value".length);
  assert.deepEqual([meter.counts.shown, meter.counts.accepted, meter.counts.acceptedCharacters], [1, 1, 11]);
});

test("after another change of the document nothing of the text is followed", async () => {
  const meter = new Meter();
  await show(meter, offer("", "const value"));
  meter.inserted(undefined);
  assert.equal(meter.isFollowing(URI), false);
  meter.inserted({ at: { line: 3, character: 0 }, text: "const" });
  assert.equal(meter.counts.accepted, 0);
});
