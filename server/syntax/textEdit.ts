/** The difference of two texts as one edit, as a tree needs it to be parsed anew only where something changed. */
import type { Edit, Point } from "web-tree-sitter";

/** Compared at once: a comparison of strings is much faster than one of their characters. */
const BLOCK = 4096;

/** undefined when the texts are the same. */
export function editBetween(before: string, now: string): Edit | undefined {
  if (before === now) return undefined;
  const shorter = Math.min(before.length, now.length);
  let start = 0;
  while (start + BLOCK <= shorter && before.slice(start, start + BLOCK) === now.slice(start, start + BLOCK))
    start += BLOCK;
  while (start < shorter && before.charCodeAt(start) === now.charCodeAt(start)) start++;
  const most = shorter - start;
  let same = 0;
  while (same + BLOCK <= most && blockFromEnd(before, same) === blockFromEnd(now, same)) same += BLOCK;
  while (same < most && codeFromEnd(before, same) === codeFromEnd(now, same)) same++;
  return editOf(before, start, before.length - same, now.slice(start, now.length - same));
}

function blockFromEnd(text: string, same: number): string {
  return text.slice(text.length - same - BLOCK, text.length - same);
}

function codeFromEnd(text: string, same: number): number {
  return text.charCodeAt(text.length - 1 - same);
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
