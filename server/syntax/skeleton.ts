/**
 * A document around a place, short enough to be parsed several times within a keystroke: the lines near the place, and of
 * what is further away only the nodes that the place is in, without their other contents.
 */
import type { Tree, TreeCursor } from "web-tree-sitter";

const CHARACTERS_BEFORE = 1200;
const CHARACTERS_AFTER = 600;
/** Characters; a smaller node stays whole. */
const SMALL_NODE = 400;
/** Beyond that a parse would take too long, whatever the reason (a file of few lines, say). */
const MOST_CHARACTERS = 12_000;

/** What may share a node's last line: punctuation, and a comment on it. */
const REST_OF_NODE = /^[\s,;]*(?:(?:\/[/*]|#|--).*\s*)?$/;

export interface Skeleton {
  readonly before: string;
  readonly after: string;
}

/** What may stand beside a part that is left out; beside an operator or a keyword it is an operand, which may not be missing. */
const DIVIDER = /^[,;(){}[\]]*$/;

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * `tree` may be older than the text if the text's edits were told to it, and absent for a short text; undefined where too
 * little can be left out.
 */
export function skeletonOf(tree: Tree | undefined, text: string, offset: number): Skeleton | undefined {
  if (text.length <= MOST_CHARACTERS / 4) return { before: text.slice(0, offset), after: text.slice(offset) };
  if (!tree) return undefined;
  const near = { start: offset - CHARACTERS_BEFORE, end: offset + CHARACTERS_AFTER };
  const far: Span[] = [];
  const cursor = tree.walk();
  collectFar(cursor, text, near, far);
  cursor.delete();
  const before = without(far, text, 0, offset);
  const after = without(far, text, offset, text.length);
  return before.length + after.length > MOST_CHARACTERS ? undefined : { before, after };
}

function collectFar(cursor: TreeCursor, text: string, near: Span, far: Span[]): void {
  // Of what the parser could not understand only large parts are left out: they at least are whole.
  const least = cursor.nodeType === "ERROR" ? SMALL_NODE : 1;
  if (!cursor.gotoFirstChild()) return;
  const last = lastStart(cursor);
  let afterDivider = true;
  let leavable: Span | undefined;
  do {
    const span = { start: cursor.startIndex, end: cursor.endIndex };
    const isDivider = cursor.nodeIsNamed || DIVIDER.test(cursor.nodeType);
    if (leavable && isDivider) addLines(text, leavable, near, far);
    leavable = undefined;
    const isOperand = !afterDivider;
    afterDivider = isDivider;
    // A bracket alone on its line belongs to what is left out or stays with it.
    if (!cursor.nodeIsNamed || span.end - span.start < least) continue;
    // The last of a node's parts stays: a header may not be left without its block.
    const isFar = span.end <= near.start || (span.start >= near.end && span.start < last);
    if (!isFar && span.end - span.start > SMALL_NODE) collectFar(cursor, text, near, far);
    else if (isFar && !isOperand) leavable = span;
  } while (cursor.gotoNextSibling());
  if (leavable) addLines(text, leavable, near, far);
  cursor.gotoParent();
}

/** Where the last named sibling begins that is no comment; the cursor is at the first of them, before and after. */
function lastStart(cursor: TreeCursor): number {
  const siblings = cursor.copy();
  siblings.gotoParent();
  siblings.gotoLastChild();
  while (!siblings.nodeIsNamed || siblings.nodeType.includes("comment"))
    if (!siblings.gotoPreviousSibling()) break;
  const start = siblings.startIndex;
  siblings.delete();
  return start;
}

/** Whole lines only: what shares a line with something else stays. */
function addLines(text: string, { start, end }: Span, near: Span, far: Span[]): void {
  const last = far.at(-1);
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  // Several nodes on one line: the first has decided.
  if (last && lineStart < last.end) return;
  if (/\S/.test(text.slice(lineStart, start))) return;
  // A node may end with its line feed, as in Python.
  const feed = text.charAt(end - 1) === "\n" ? end - 1 : text.indexOf("\n", end);
  const lineEnd = feed < 0 ? text.length : feed + 1;
  if (!REST_OF_NODE.test(text.slice(end, lineEnd))) return;
  if (lineEnd > near.start && lineStart < near.end) return;
  if (last && last.end === lineStart) far[far.length - 1] = { start: last.start, end: lineEnd };
  else far.push({ start: lineStart, end: lineEnd });
}

function without(spans: readonly Span[], text: string, from: number, to: number): string {
  let kept = "";
  let at = from;
  for (const { start, end } of spans) {
    if (end <= from || start >= to) continue;
    kept += text.slice(at, Math.max(at, start));
    at = Math.max(at, Math.min(end, to));
  }
  return kept + text.slice(at, to);
}
