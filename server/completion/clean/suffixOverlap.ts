import { hasOnlyClosers } from "../brackets.ts";
import { isBlank } from "../lines.ts";
import { lineAfter } from "../request.ts";
import type { Rule } from "./rule.ts";

const LINES_COMPARED = 12;

/** Never writes again what already stands after the cursor: the rest of the line, or the lines that follow. */
export const suffixOverlap: Rule = (text, { after }) => {
  const rest = lineAfter(after);
  const following = after
    .slice(rest.length)
    .split("\n", LINES_COMPARED + 2)
    .filter((line) => !isBlank(line))
    .map((line) => line.trimEnd());
  return withoutRestOfLine(withoutFollowingLines(text, following), rest.trimEnd());
};

/** Closers are left: the item's range replaces them. */
function withoutRestOfLine(text: string, rest: string): string {
  if (hasOnlyClosers(rest)) return text;
  for (let length = Math.min(text.length, rest.length); length > 0; length--) {
    if (text.endsWith(rest.slice(0, length))) return text.slice(0, text.length - length);
  }
  return text;
}

function withoutFollowingLines(text: string, following: readonly string[]): string {
  const lines = text.trimEnd().split("\n");
  for (let first = 1; first < lines.length; first++) {
    const tail = lines.slice(first).filter((line) => !isBlank(line));
    const repeats = tail.length > 0 && tail.every((line, i) => line.trimEnd() === following[i]);
    if (repeats) return lines.slice(0, first).join("\n");
  }
  return text;
}
