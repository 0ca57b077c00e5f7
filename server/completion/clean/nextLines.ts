import { isBlank, linesBelow } from "../lines.ts";
import { lineAfter, lineBefore } from "../request.ts";
import type { Rule } from "./rule.ts";

const TRIVIAL = /^[\s)\]}>;,]*$/;
const BLANK_LINES_SKIPPED = 3;
/** After that many more lines the likeness of the first is chance. */
const LINES_THAT_ARE_NEWS = 2;

/** Drops a completion whose first line is the next line of the document; a lone closer that already stands there too. */
export const nextLines: Rule = (text, { before, after }) => {
  const rest = lineAfter(after);
  const next = after
    .slice(rest.length + 1)
    .split("\n", BLANK_LINES_SKIPPED)
    .find((line) => !isBlank(line));
  // Below a complete line its own beginning is no news.
  const written = linesBelow(text) ?? lineBefore(before) + text;
  const [first = "", ...more] = written.trimEnd().split("\n");
  if (next === undefined || first.trim() !== next.trim()) return text;
  // A closer on the cursor's line may be right although another one follows: then its indentation differs.
  const isOtherCloser = TRIVIAL.test(first) && first.trimEnd() !== next.trimEnd();
  return isOtherCloser || more.length > LINES_THAT_ARE_NEWS ? text : "";
};
