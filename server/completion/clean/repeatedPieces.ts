import type { Rule } from "./rule.ts";

/** The same piece four times in a row. */
const LOOP = /(.{2,40}?)\1{3,}/gu;

/** Ends before a line that repeats a piece of itself, with a letter or digit in it: a model that does not find its way out. */
export const repeatedPieces: Rule = (text) => {
  for (const { index, 1: piece = "" } of text.matchAll(LOOP)) {
    if (/[\p{L}\p{N}]/u.test(piece)) return text.slice(0, text.lastIndexOf("\n", index) + 1).trimEnd();
  }
  return text;
};
