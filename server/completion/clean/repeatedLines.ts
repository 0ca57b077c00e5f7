import { isBlank } from "../lines.ts";
import { lineBefore } from "../request.ts";
import type { Rule } from "./rule.ts";

const TRIVIAL = /^[\s)\]}>;,]*$/;

/** Ends where a line repeats the one above it, which small models do without end; closers and blank lines may. */
export const repeatedLines: Rule = (text, { before }) => {
  const beginning = lineBefore(before);
  const lines = (beginning + text).split("\n");
  let above = lastLineAbove(before.slice(0, before.length - beginning.length));
  for (const [i, line] of lines.entries()) {
    if (line.trim() === above && !TRIVIAL.test(line)) {
      return lines.slice(0, i).join("\n").slice(beginning.length);
    }
    if (!isBlank(line)) above = line.trim();
  }
  return text;
};

function lastLineAbove(text: string): string {
  const end = text.trimEnd().length;
  return text.slice(text.lastIndexOf("\n", end - 1) + 1, end).trim();
}
