import { scannerAfter } from "../brackets.ts";
import { lineAfter } from "../request.ts";
import type { Rule } from "./rule.ts";

/** Ends before a closer that nothing before it opened. */
export const bracketBalance: Rule = (text, { before, after }) => {
  const wrong = scannerAfter(before)
    .scan(text)
    .find((mark) => mark.kind === "unmatched" && !lineAfter(after).includes(mark.character));
  return wrong ? text.slice(0, wrong.offset) : text;
};
