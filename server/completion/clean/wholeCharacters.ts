import type { Rule } from "./rule.ts";

/** Ends before the first broken code point or control character: a model may decode bytes that are no text. */
export const wholeCharacters: Rule = (text) => {
  const broken = text.search(/\uFFFD|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|[\0-\x08\v\f\x0e-\x1f\x7f]/);
  return broken < 0 ? text : text.slice(0, broken);
};
