import assert from "node:assert/strict";
import { test } from "node:test";
import { clean } from "../../server/completion/clean.ts";
import type { Shape } from "../../server/completion/lines.ts";

const line: Shape = { kind: "line" };
const block: Shape = { kind: "block", indentation: 0 };
const statements: Shape = { kind: "statements", indentation: 2 };

interface Case {
  readonly name: string;
  readonly text: string;
  readonly expected: string;
  readonly shape?: Shape;
  readonly lineBefore?: string;
  readonly isOpen?: boolean;
  /** Where nothing is left. */
  readonly rule?: string;
}

const cases: readonly Case[] = [
  { name: "ends before a broken code point", text: "ab\uFFFDc", expected: "ab" },
  { name: "ends before half a surrogate pair", text: "ab\uD83D", expected: "ab" },
  { name: "ends before a control character", text: "a\u0000b", expected: "a" },
  { name: "keeps emoji and tabs", text: "🙂\tb", expected: "🙂\tb" },
  { name: "knows one line end", shape: block, text: "\r\n  a\r\n  b\rc", expected: "\n  a\n  bc" },
  { name: "keeps one line where one is wanted", text: "a\nb", expected: "a" },
  {
    name: "ends where a block is left",
    shape: block,
    text: "\n  a\n  b\nc\n",
    expected: "\n  a\n  b",
  },
  { name: "keeps the block's own closer", shape: block, text: "\n  a\n}\nb", expected: "\n  a\n}" },
  { name: "keeps blank lines in a block", shape: block, text: "\n  a\n\n  b", expected: "\n  a\n\n  b" },
  {
    name: "ends where statements are left",
    shape: statements,
    lineBefore: "  ",
    text: "a\n  b\n}",
    expected: "a\n  b",
  },
  {
    name: "ends where a line of its own comes again",
    shape: { kind: "statements", indentation: 0 },
    text: "a()\nb()\nb()\nb()",
    expected: "a()\nb()",
  },
  {
    name: "ends where the cursor's line comes again",
    shape: { kind: "statements", indentation: 0 },
    lineBefore: "a",
    text: "()\na()\na()",
    expected: "()",
  },
  { name: "lets closers repeat", shape: block, text: "\n  }\n  }\n}", expected: "\n  }\n  }\n}" },
  {
    name: "lets a line repeat with another indentation",
    shape: block,
    text: "\n    end\n  end\nend",
    expected: "\n    end\n  end\nend",
  },
  {
    name: "drops a line that goes in circles and finds no end",
    isOpen: true,
    text: "[node, scope, scope, scope, scope, sc",
    expected: "",
    rule: "pieces in circles",
  },
  {
    name: "keeps the lines before it",
    isOpen: true,
    shape: { kind: "statements", indentation: 0 },
    text: "a();\nb(1, 1, 1, 1, 1, 1, 1, 1, 1",
    expected: "a();",
  },
  {
    name: "lets a row of dashes be open",
    isOpen: true,
    text: "// --------------",
    expected: "// --------------",
  },
  { name: "lets a piece come three times", isOpen: true, text: "f(x, x, x", expected: "f(x, x, x" },
  {
    name: "lets pieces repeat that find an end",
    text: "{0, 0, 0, 0, 0, 0};",
    expected: "{0, 0, 0, 0, 0, 0};",
  },
  {
    name: "leaves no white space at ends of lines",
    shape: block,
    text: "\n  a  \n  b\t",
    expected: "\n  a\n  b",
  },
  { name: "drops white space", text: "  \t", expected: "", rule: "broken characters" },
];

for (const { name, text, expected, shape = line, lineBefore = "", isOpen = false, rule } of cases) {
  test(name, () => {
    const cleaned = clean({ text, shape, lineBefore, isOpen });
    assert.deepEqual(cleaned, rule ? { text: expected, droppedBy: rule } : { text: expected });
  });
}
