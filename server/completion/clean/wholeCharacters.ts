import type { Rule } from "./rule.ts";

/** Ends before the first broken code point or control character: a model may decode bytes that are no text. */
export const wholeCharacters: Rule = (text) => {
  const broken = text.search(/\uFFFD|\p{Cs}|[^\P{Cc}\t\r\n]/u);
  return broken < 0 ? text : text.slice(0, broken);
};
