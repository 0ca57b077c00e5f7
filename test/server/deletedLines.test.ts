import assert from "node:assert/strict";
import { test } from "node:test";
import { deletedLines } from "../../server/repository/deletedLines.ts";

const TEXT = "one();\ntwo();\n  first(alpha);\n  second(beta);\n  third();\nlast();\n";

const EDITS: readonly [what: string, from: string, now: string, remembered: string][] = [
  [
    "whole lines, with the two before them",
    "  second(beta);\n",
    "",
    "two();\n  first(alpha);\n  second(beta);\n",
  ],
  [
    "several lines, which begin as the one behind them",
    "  first(alpha);\n  second(beta);\n",
    "",
    "one();\ntwo();\n  first(alpha);\n  second(beta);\n",
  ],
  ["lines but for the last one's end", "  second(beta);", "", "two();\n  first(alpha);\n  second(beta);\n"],
  [
    "lines with a key in their place",
    "  second(beta);\n",
    "\n",
    "two();\n  first(alpha);\n  second(beta);\n",
  ],
  ["the first lines", "one();\ntwo();\n", "", "one();\ntwo();\n"],
  ["the last lines", "  third();\nlast();\n", "", "  first(alpha);\n  second(beta);\n  third();\nlast();\n"],
  [
    "only the whole ones of lines",
    "(alpha);\n  second(beta);\n  th",
    "",
    "two();\n  first(alpha);\n  second(beta);\n",
  ],
  ["no part of a line", "(beta)", "", ""],
  ["no short line", "two();\n", "", ""],
  ["no lines that are replaced", "  second(beta);\n", "  second(gamma);\n", ""],
];

for (const [what, from, now, remembered] of EDITS) {
  test(`of an edit are remembered ${what}`, () => {
    const [start, end] = deletedLines(TEXT, TEXT.replace(from, now)) ?? [0, 0];
    assert.equal(TEXT.slice(start, end), remembered);
  });
}

test("a file that was emptied, a text that is the same and one that grew are no deletions", () => {
  assert.equal(deletedLines(TEXT.repeat(100), ""), undefined);
  assert.equal(deletedLines(TEXT, TEXT), undefined);
  assert.equal(deletedLines("", ""), undefined);
  assert.equal(deletedLines(TEXT, `${TEXT}more();\n`), undefined);
});
