import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SETTINGS, validateSettings } from "../../protocol/settings.ts";
import { wholeCharacterOffset } from "../../server/completion/characters.ts";
import { prefixStart, suffixOf } from "../../server/completion/context.ts";
import { lineEndOf } from "../../server/completion/lineEnds.ts";
import { indentationOf, mayContinue, shapeOf } from "../../server/completion/lines.ts";
import { AdaptivePause, pause } from "../../server/completion/pause.ts";
import { surroundingsOf } from "../../server/completion/request.ts";
import { guessTabSize } from "../../server/completion/tabSize.ts";
import { reasonNotToAsk } from "../../server/completion/worthAsking.ts";

const open = (text: string, relativePath = "a.ts") => ({
  uri: `file:///${relativePath}`,
  relativePath,
  languageId: "typescript",
  text,
});

test("settings: a bad one becomes its default and one sentence", () => {
  const { settings, problems } = validateSettings({ hybridRatio: 2, threads: -1, maxLines: 3, unknown: 1 });
  assert.deepEqual(settings, { ...DEFAULT_SETTINGS, maxLines: 3 });
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? "", /^The setting stateline\.hybridRatio is 2 but must be .*; null is used\.$/);
});

for (const raw of [
  undefined,
  null,
  [],
  3,
  "x",
  { hybridRatio: Number.NaN },
  { exclude: [1] },
  { modelPath: null },
]) {
  test(`settings: ${JSON.stringify(raw)} gives the defaults`, () => {
    assert.deepEqual(validateSettings(raw).settings, DEFAULT_SETTINGS);
  });
}

const askCases: readonly [string, string, boolean, RegExp | undefined][] = [
  ["at a line's end", "", false, undefined],
  ["before closers", '"));', false, undefined],
  ["inside a word", "bar", false, /word/],
  ["inside a line", " + something long", false, /inside a line/],
  ["inside a line, by key", " + something long", true, undefined],
];
for (const [name, lineAfter, manual, expected] of askCases) {
  test(`asking ${name}`, () => {
    const question = { languageId: "x", forbidden: undefined, lineBefore: "", lineAfter, manual };
    const reason = reasonNotToAsk(question, DEFAULT_SETTINGS);
    if (expected) assert.match(reason ?? "", expected);
    else assert.equal(reason, undefined);
  });
}

test("what the policy forbids is not completed, even by key", () => {
  const question = {
    languageId: "x",
    forbidden: "the file may hold secrets",
    lineBefore: "",
    lineAfter: "",
    manual: true,
  };
  assert.match(reasonNotToAsk(question, DEFAULT_SETTINGS) ?? "", /secret/);
});

test("the cursor never cuts a surrogate pair, and CRLF is read as LF", () => {
  const document = open("a\r\n🙂b");
  const { before, after } = surroundingsOf({ document, offset: 4, manual: false, others: [] });
  assert.deepEqual([before, after], ["a\n", "🙂b"]);
});

test("a selected suggestion counts as typed", () => {
  const document = open("foo.ba;");
  const selected = { text: "bar", startOffset: 4, endOffset: 6 };
  const { before, after } = surroundingsOf({ document, offset: 6, manual: false, selected, others: [] });
  assert.deepEqual([before, after], ["foo.bar", ";"]);
});

const characterCases: readonly [name: string, text: string][] = [
  ["a surrogate pair", "\u{1f642}"],
  ["a letter with an accent of its own", "e\u0301"],
  ["a family of emoji joined by ZWJ", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"],
  ["an emoji with a variation selector", "\u2764\ufe0f"],
  ["an emoji with a skin tone", "\u{1f44d}\u{1f3fd}"],
  ["a flag", "\u{1f1e8}\u{1f1ed}"],
  ["a keycap", "1\ufe0f\u20e3"],
  ["a Hangul syllable in parts", "\u1112\u1161\u11ab"],
  ["a Devanagari letter with its vowel", "\u0915\u0940"],
  ["a line's end", "\r\n"],
];
for (const [name, character] of characterCases) {
  test(`an offset inside of ${name} is moved before it, one at its edge stays`, () => {
    for (const [left, right] of [
      ["const x = '", "';"],
      ["", ""],
      ["\u{1f1e8}\u{1f1ed}\u{1f642}", "\u{1f1e8}\u{1f1ed}"],
      [`${character}${character}`, "z"],
    ] as const) {
      const text = left + character + right;
      for (let offset = left.length; offset < left.length + character.length; offset++)
        assert.equal(wholeCharacterOffset(text, offset), left.length, JSON.stringify(text));
      const end = left.length + character.length;
      assert.equal(wholeCharacterOffset(text, end), end, JSON.stringify(text));
    }
  });
}

test("any offset of any text is a place in it, and looked up in bounded time", () => {
  for (const text of ["", "\u0301", "a".repeat(100), `e${"\u0301".repeat(100_000)}`]) {
    for (const offset of [-1, 0, 1, 50, text.length, text.length + 9]) {
      const whole = wholeCharacterOffset(text, offset);
      assert.ok(whole >= 0 && whole <= text.length && whole <= Math.max(offset, 0));
    }
  }
});

const lineEndCases: readonly [text: string, expected: string][] = [
  ["", "\n"],
  ["one line", "\n"],
  ["a\nb\nc\r\n", "\n"],
  ["a\r\nb\r\nc\n", "\r\n"],
  ["a\r\nb", "\r\n"],
  ["a\r\nb\n", "\n"],
];
for (const [text, expected] of lineEndCases) {
  test(`the line end of ${JSON.stringify(text)} is ${JSON.stringify(expected)}`, () => {
    assert.equal(lineEndOf(text), expected);
  });
}

const tabCases: readonly [name: string, text: string, expected: number][] = [
  ["spaces alone", "a {\n  b\n    c\n}\n", 4],
  ["tabs alone", "a {\n\tb\n\t\tc\n}\n", 4],
  ["tabs and a comment's stars", "a {\n\t/*\n\t * b\n\t */\n}\n", 4],
  ["eight spaces written as a tab", "a\n  {\n    b\n      {\n\tc\n\t  {\n", 8],
  ["an argument list aligned by spaces", "a(b,\n\t          c)\n", 4],
];
for (const [name, text, expected] of tabCases) {
  test(`a tab has ${expected} columns beside ${name}`, () => {
    assert.equal(guessTabSize(text), expected);
  });
}

test("the editor's tab size counts before the guess, and a tab ends at the next stop", () => {
  const request = { document: open("a\n\tb"), offset: 3, manual: false, others: [] };
  assert.equal(surroundingsOf(request).tabSize, 4);
  assert.equal(surroundingsOf({ ...request, tabSize: 2 }).tabSize, 2);
  assert.deepEqual(
    ["\tx", "  \tx", "    x", "\t\tx"].map((line) => indentationOf(line, 8)),
    [8, 8, 4, 16],
  );
});

test("shape: the rest of a line, a block after its opener, statements where a line is empty", () => {
  const shape = (before: string, after: string, manual = false, text = "") =>
    shapeOf({ before, after }, manual, text).kind;
  assert.equal(shape("const x = ", ""), "line");
  assert.equal(shape("if (x) {", "}\n"), "block");
  assert.equal(shape("if (x) {", " foo }\n"), "line");
  assert.equal(shape("def f():\n    ", "\n"), "block");
  assert.equal(shape("def f():\n    ", "\n    return 1\n"), "line");
  assert.equal(shape("def f():\n    ", "\n    return 1\n", true), "block");
  assert.equal(shape("a()\n", ""), "statements");
  assert.equal(shape("a()\n", "", true), "statements");
});

test("shape: where nothing is left of a line, the statements below it", () => {
  for (const manual of [true, false]) {
    const shape = (before: string, after: string, text: string) => shapeOf({ before, after }, manual, text);
    assert.deepEqual(shape("  a();", "\n", "\n"), { kind: "statements", indentation: 2 });
    assert.deepEqual(shape("  a();", "\n", "\n  b();\n"), { kind: "statements", indentation: 2 });
    assert.equal(shape("  a = ", "\n", "b;\n").kind, "line");
    assert.equal(shape("  a(b", ");\n", "\n").kind, "line");
  }
});

test("a block goes on until it is left, statements until a blank line, both at most maxLines", () => {
  const block = { kind: "block", indentation: 0 } as const;
  assert.equal(mayContinue({ kind: "line" }, ["a"], 8), false);
  assert.equal(mayContinue(block, ["if (x) {"], 8), true);
  assert.equal(mayContinue(block, ["if (x) {", "  a"], 8), true);
  assert.equal(mayContinue(block, ["if (x) {", "}"], 8), false);
  assert.equal(mayContinue(block, ["if (x) {", "  a"], 2), false);
  assert.equal(mayContinue({ kind: "statements", indentation: 0 }, ["a", ""], 8), false);
});

test("the prefix begins where it began one keystroke before, but for once in a block", () => {
  const text = Array.from({ length: 400 }, (_, i) => `const value${i} = compute(${i}, "text");\n`).join("");
  const starts = new Set<number>();
  for (let end = 10_000; end < 11_000; end++) starts.add(prefixStart(text.slice(0, end)));
  assert.ok(starts.size <= 2, `${starts.size} beginnings`);
  for (const start of starts) assert.ok(start === 0 || text[start - 1] === "\n");
  assert.equal(prefixStart("short"), 0);
  const long = "x".repeat(20_000);
  assert.ok(long.length - prefixStart(long) <= 2000);
});

test("the suffix leaves out what the editor closed, and is short", () => {
  assert.equal(suffixOf(");\nnext();\n"), "\nnext();\n");
  assert.equal(suffixOf(" + 1;\nnext();"), " + 1;\nnext();");
  assert.equal(suffixOf(""), "");
  assert.ok(suffixOf(`${"\nline".repeat(500)}`).length <= 1200);
  assert.ok(suffixOf("y".repeat(5000)).length <= 1200);
});

test("the pause follows the latency within its bounds", () => {
  const adaptive = new AdaptivePause();
  for (let i = 0; i < 50; i++) adaptive.noteLatency(2000);
  assert.equal(adaptive.lengthMs(0), 250);
  for (let i = 0; i < 50; i++) adaptive.noteLatency(10);
  assert.equal(adaptive.lengthMs(0), 15);
  assert.equal(adaptive.lengthMs(77), 77);
});

test("a pause ends at once when it is cancelled", async () => {
  const controller = new AbortController();
  const waiting = pause(60_000, controller.signal);
  controller.abort();
  await assert.rejects(waiting, { name: "Cancelled" });
});
