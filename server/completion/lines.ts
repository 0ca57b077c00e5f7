/** Indentation, and when a completion may have more than one line. */
import { hasOnlyClosers } from "./closers.ts";
import { lineAfter, lineBefore, type Surroundings } from "./request.ts";
import { USUAL_TAB_SIZE } from "./tabSize.ts";

const BLOCK_OPENER = /([{([:]|=>|->|\b(do|then|else|begin|try))$/;

/** Columns of white space at a line's beginning. */
export function indentationOf(line: string, tabSize = USUAL_TAB_SIZE): number {
  let columns = 0;
  for (const character of line) {
    if (character === " ") columns++;
    else if (character === "\t") columns += tabSize - (columns % tabSize);
    else break;
  }
  return columns;
}

export function isBlank(line: string): boolean {
  return line.trim() === "";
}

/** What a completion writes below the cursor's line, if it adds nothing to that line itself. */
export function linesBelow(text: string): string | undefined {
  const [empty] = text.match(/^[ \t]*\n/) ?? [];
  return empty === undefined ? undefined : text.slice(empty.length);
}

export type Shape =
  | { readonly kind: "line" }
  /** A block's inside: lines deeper than `indentation`, and the closer at it. */
  | { readonly kind: "block"; readonly indentation: number }
  /** Statements at this indentation, up to a blank line. */
  | { readonly kind: "statements"; readonly indentation: number };

/** More than a line only after a block's opener, or where a line is empty or complete already. `text` is the completion so far. */
export function shapeOf(around: Surroundings, manual: boolean, text: string): Shape {
  const columnsOf = (line: string) => indentationOf(line, around.tabSize);
  const line = lineBefore(around.before);
  const rest = lineAfter(around.after);
  if (!hasOnlyClosers(rest)) return { kind: "line" };
  // What goes on behind the opener is no block: an object on a line, a place in a string.
  if (BLOCK_OPENER.test(line.trimEnd()) && (text === "" || linesBelow(text) !== undefined))
    return { kind: "block", indentation: columnsOf(line) };
  if (!isBlank(line)) {
    const isComplete = isBlank(rest) && linesBelow(text) !== undefined;
    return isComplete ? { kind: "statements", indentation: columnsOf(line) } : { kind: "line" };
  }
  const previous = lastWrittenLine(around.before.slice(0, around.before.length - line.length));
  if (BLOCK_OPENER.test(previous.trimEnd()) && columnsOf(line) > columnsOf(previous)) {
    // Where the block has text already, only a line is added to it.
    const next = firstWrittenLine(around.after.slice(rest.length));
    const isFilled = next !== "" && columnsOf(next) > columnsOf(previous);
    return isFilled && !manual ? { kind: "line" } : { kind: "block", indentation: columnsOf(previous) };
  }
  return { kind: "statements", indentation: columnsOf(line) };
}

/** Whether the lines of a completion so far, the last one finished, may be followed by another. */
export function mayContinue(
  shape: Shape,
  lines: readonly string[],
  maxLines: number,
  tabSize?: number,
): boolean {
  if (shape.kind === "line" || lines.length >= maxLines) return false;
  const last = lines.at(-1) ?? "";
  if (lines.length === 1) return shape.kind === "block" || !isBlank(last);
  if (isBlank(last)) return false;
  if (shape.kind === "block") return indentationOf(last, tabSize) > shape.indentation;
  return indentationOf(last, tabSize) >= shape.indentation;
}

function lastWrittenLine(text: string): string {
  const end = text.trimEnd().length;
  return text.slice(text.lastIndexOf("\n", end - 1) + 1, end);
}

function firstWrittenLine(text: string): string {
  return text.split("\n", 50).find((line) => !isBlank(line)) ?? "";
}
