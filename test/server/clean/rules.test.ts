import assert from "node:assert/strict";
import { test } from "node:test";
import { blank } from "../../../server/completion/clean/blank.ts";
import { bracketBalance } from "../../../server/completion/clean/bracketBalance.ts";
import { indentation } from "../../../server/completion/clean/indentation.ts";
import { lineFeeds } from "../../../server/completion/clean/lineFeeds.ts";
import { nextLines } from "../../../server/completion/clean/nextLines.ts";
import { clean } from "../../../server/completion/clean/pipeline.ts";
import { repeatedLines } from "../../../server/completion/clean/repeatedLines.ts";
import { repeatedPieces } from "../../../server/completion/clean/repeatedPieces.ts";
import type { Rule } from "../../../server/completion/clean/rule.ts";
import { suffixOverlap } from "../../../server/completion/clean/suffixOverlap.ts";
import { trailingSpace } from "../../../server/completion/clean/trailingSpace.ts";
import { wholeCharacters } from "../../../server/completion/clean/wholeCharacters.ts";
import type { Shape } from "../../../server/completion/lines.ts";

const block: Shape = { kind: "block", indentation: 0 };
const statements: Shape = { kind: "statements", indentation: 2 };

interface Case {
  readonly rule: Rule;
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
  readonly shape?: Shape;
  readonly text: string;
  readonly expected: string;
}

const cases: readonly Case[] = [
  { rule: wholeCharacters, name: "ends before a broken code point", text: "ab\uFFFDc", expected: "ab" },
  { rule: wholeCharacters, name: "ends before half a surrogate pair", text: "ab\uD83D", expected: "ab" },
  { rule: wholeCharacters, name: "ends before a control character", text: "a\u0000b", expected: "a" },
  { rule: wholeCharacters, name: "keeps emoji, tabs and line ends", text: "🙂\t\r\n", expected: "🙂\t\r\n" },

  { rule: lineFeeds, name: "knows one line end", text: "a\r\nb\rc\n", expected: "a\nbc\n" },

  { rule: indentation, name: "keeps one line where one is wanted", text: "a\nb", expected: "a" },
  {
    rule: indentation,
    name: "ends where a block is left",
    shape: block,
    before: "if x:",
    text: "\n  a\n  b\nc\n",
    expected: "\n  a\n  b",
  },
  {
    rule: indentation,
    name: "keeps the block's own closer",
    shape: block,
    before: "if (x) {",
    text: "\n  a\n}\nb",
    expected: "\n  a\n}",
  },
  {
    rule: indentation,
    name: "keeps blank lines in a block",
    shape: block,
    before: "if x:",
    text: "\n  a\n\n  b",
    expected: "\n  a\n\n  b",
  },
  {
    rule: indentation,
    name: "ends where statements are left",
    shape: statements,
    before: "  ",
    text: "a\n  b\n}",
    expected: "a\n  b",
  },

  { rule: bracketBalance, name: "keeps what the line opened", before: "f(g(", text: "x))", expected: "x))" },
  {
    rule: bracketBalance,
    name: "ends before a closer that nothing opened",
    before: "f(",
    text: "x));",
    expected: "x)",
  },
  {
    rule: bracketBalance,
    name: "ends before a closer of another kind",
    before: "f([",
    text: "x)]",
    expected: "x",
  },
  {
    rule: bracketBalance,
    name: "takes no bracket in a string for one",
    before: "f(",
    text: '")")',
    expected: '")")',
  },
  {
    rule: bracketBalance,
    name: "knows that a string is open",
    before: 'f("',
    text: ')", x)',
    expected: ')", x)',
  },
  {
    rule: bracketBalance,
    name: "sees an apostrophe in a comment",
    before: "// don't\nf(",
    text: "x)",
    expected: "x)",
  },
  {
    rule: bracketBalance,
    name: "closes a block of lines above",
    before: "if (x) {\n  y();\n",
    text: "}",
    expected: "}",
  },

  {
    rule: repeatedLines,
    name: "ends where a line repeats the one above",
    before: "",
    text: "a()\nb()\nb()\nb()",
    expected: "a()\nb()",
  },
  {
    rule: repeatedLines,
    name: "drops a repetition of the line before the cursor",
    before: "x = 1\nx",
    text: " = 1",
    expected: "",
  },
  { rule: repeatedLines, name: "lets closers repeat", before: "", text: "a\n}\n}", expected: "a\n}\n}" },

  {
    rule: repeatedPieces,
    name: "drops a line that goes in circles",
    text: "[node, scope, scope, scope, scope, sc",
    expected: "",
  },
  {
    rule: repeatedPieces,
    name: "keeps the lines before it",
    text: "a();\nb(1, 1, 1, 1, 1, 1, 1, 1, 1",
    expected: "a();",
  },
  {
    rule: repeatedPieces,
    name: "lets rules and indentation repeat",
    text: "// --------------",
    expected: "// --------------",
  },
  { rule: repeatedPieces, name: "lets a piece come three times", text: "f(x, x, x)", expected: "f(x, x, x)" },
  {
    rule: suffixOverlap,
    name: "leaves out lines that follow already",
    after: "\n}\nnext",
    text: "  a;\n}",
    expected: "  a;",
  },
  {
    rule: suffixOverlap,
    name: "leaves out the rest of the line",
    after: "bar);",
    text: "a, bar);",
    expected: "a, ",
  },
  { rule: suffixOverlap, name: "leaves closers to the range", after: ")", text: "x)", expected: "x)" },
  {
    rule: suffixOverlap,
    name: "keeps lines that only resemble",
    after: "\nb\nc",
    text: "a\nb\nd",
    expected: "a\nb\nd",
  },

  {
    rule: nextLines,
    name: "drops what the next line says",
    before: "  ",
    after: "\n  return x;\n",
    text: "return x;",
    expected: "",
  },
  {
    rule: nextLines,
    name: "looks over blank lines",
    before: "",
    after: "\n\nfoo()\n",
    text: "foo()",
    expected: "",
  },
  {
    rule: nextLines,
    name: "keeps a closer at another indentation",
    before: "  ",
    after: "\n}",
    text: "}",
    expected: "}",
  },
  {
    rule: nextLines,
    name: "drops what the next line says, below a complete line too",
    before: "foo();",
    after: "\nbar();\n",
    text: "\nbar();\nbaz();",
    expected: "",
  },
  {
    rule: nextLines,
    name: "takes white space before the line feed for nothing",
    before: "foo();",
    after: "\nbar();\n",
    text: "  \nbar();",
    expected: "",
  },
  {
    rule: nextLines,
    name: "keeps what is new",
    before: "",
    after: "\nfoo()\n",
    text: "bar()",
    expected: "bar()",
  },

  {
    rule: trailingSpace,
    name: "takes white space from line ends",
    text: "a  \n  b\t\n\n",
    expected: "a\n  b",
  },
  { rule: blank, name: "drops white space", text: " \n\t", expected: "" },
];

const line: Shape = { kind: "line" };

for (const { rule, name, before = "", after = "", shape = line, text, expected } of cases) {
  test(`${rule.name} ${name}`, () => assert.equal(rule(text, { before, after, shape }), expected));
}

test("the pipeline names the rule that left nothing", () => {
  const context = { before: "", after: "", shape: { kind: "line" } } as const;
  assert.deepEqual(clean("  \n", context), { text: "", droppedBy: "trailing space" });
  assert.deepEqual(clean("a ", context), { text: "a" });
});

test("the pipeline lets nothing broken through, whatever comes in", () => {
  const seed = Number(process.env.SEED ?? Date.now());
  console.log(`seed ${seed}`);
  const alphabet = [
    "(",
    ")",
    "{",
    "}",
    "\n",
    "  ",
    "\t",
    "a",
    "🙂",
    "\uD83D",
    "\uFFFD",
    "\r\n",
    '"',
    "'",
    "\\",
    ";",
    "\0",
  ];
  let value = seed % 2147483647 || 1;
  const pick = () => {
    value = (value * 48271) % 2147483647;
    return alphabet[value % alphabet.length] ?? "";
  };
  const make = () => Array.from({ length: 30 }, pick).join("");
  for (let round = 0; round < 2000; round++) {
    const shape: Shape = [line, block, statements][round % 3] ?? block;
    const { text } = clean(make(), { before: make(), after: make(), shape });
    assert.doesNotMatch(text, /[\uFFFD\0\r]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|[ \t]$|\n$/);
    assert.ok(text === "" || text.trim() !== "");
  }
});
