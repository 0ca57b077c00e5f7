/** The difference of two texts as one edit, as a tree needs it to be parsed anew only where something changed. */
import type { Edit, Point } from "web-tree-sitter";
import { changedRange } from "../changedRange.ts";

/** undefined when the texts are the same. */
export function editBetween(before: string, now: string): Edit | undefined {
  if (before === now) return undefined;
  const { start, end, endNow } = changedRange(before, now);
  return editOf(before, start, end, now.slice(start, endNow));
}

/** What stands from `start` to `end` of the text is replaced. */
export function editOf(text: string, start: number, end: number, inserted: string): Edit {
  const startPosition = pointAt(text, start);
  return {
    startIndex: start,
    oldEndIndex: end,
    newEndIndex: start + inserted.length,
    startPosition,
    oldEndPosition: after(startPosition, text.slice(start, end)),
    newEndPosition: after(startPosition, inserted),
  } as Edit;
}

function pointAt(text: string, offset: number): Point {
  let row = 0;
  let lineStart = 0;
  for (let feed = text.indexOf("\n"); feed >= 0 && feed < offset; feed = text.indexOf("\n", lineStart)) {
    row++;
    lineStart = feed + 1;
  }
  return { row, column: offset - lineStart };
}

function after({ row, column }: Point, text: string): Point {
  const lines = text.split("\n");
  const last = lines.at(-1) ?? "";
  return lines.length === 1
    ? { row, column: column + last.length }
    : { row: row + lines.length - 1, column: last.length };
}
