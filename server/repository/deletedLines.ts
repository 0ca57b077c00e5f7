/** Whole lines that an edit took away: whoever deletes lines often writes them again, a little differently. */
import { changedRange } from "../changedRange.ts";
import type { Recall } from "../engine/engine.ts";

/** Shorter ones say nothing. */
const LEAST_CHARACTERS = 8;
/** More at once is no line that is written anew, but a file that was replaced. About 1400 tokens. */
const MOST_CHARACTERS = 4096;
/** What is put in their place at once, of their length: more is another version of them, as a formatter writes it. */
const MOST_REPLACED = 1 / 2;
/** By these it is known where they stood. */
const LINES_BEFORE = 2;
/** Deletions, of all documents, the latest. */
const MOST_DELETED = 8;

interface Deleted {
  readonly uri: string;
  readonly tokens: Int32Array;
  /** Its text in the recall, while it is there. */
  id?: number | undefined;
}

/** Texts of tokens that were deleted of late; the recall that they are in is the caller's, the same until it is `moved`. */
export class DeletedTexts {
  #all: readonly Deleted[] = [];

  add(uri: string, tokens: Int32Array, recall: Recall): void {
    this.#all = [...this.#all, { uri, tokens }];
    const [oldest] = this.#all;
    if (this.#all.length > MOST_DELETED) this.#keep((one) => one !== oldest, recall);
  }

  /** Of one document, or of all. */
  forget(recall: Recall, uri?: string): void {
    this.#keep((one) => uri !== undefined && one.uri !== uri, recall);
  }

  /** Those of this document are recalled, no others; undefined: none are. */
  arrange(uri: string | undefined, recall: Recall): void {
    for (const one of this.#all) {
      if (one.uri !== uri) leaveOut(one, recall);
      else one.id ??= recall.append(one.tokens);
    }
  }

  /** Another recall serves from now on. */
  moved(): void {
    for (const one of this.#all) one.id = undefined;
  }

  #keep(isKept: (deleted: Deleted) => boolean, recall: Recall): void {
    for (const one of this.#all) if (!isKept(one)) leaveOut(one, recall);
    this.#all = this.#all.filter(isKept);
  }
}

function leaveOut(deleted: Deleted, recall: Recall): void {
  if (deleted.id !== undefined) recall.forget(deleted.id);
  deleted.id = undefined;
}

/** With the lines before them, as offsets in the text before the edit; undefined: no whole lines, too few or too many. */
export function deletedLines(before: string, now: string): readonly [start: number, end: number] | undefined {
  const change = changedRange(before, now);
  const written = change.endNow - change.start;
  const back = written === 0 ? toLineStart(before, change.start, change.end) : 0;
  const from = change.start - back;
  const start = isLineStart(before, from) ? from : before.indexOf("\n", from) + 1;
  const end = endOfLines(before, change.end - back);
  const length = end - start;
  if (start < from || length < LEAST_CHARACTERS || length > MOST_CHARACTERS) return undefined;
  return written > MOST_REPLACED * length ? undefined : [linesBefore(before, start), end];
}

/** Where lines begin alike, the same text is left if other ones were taken away, so many characters before: whole lines. */
function toLineStart(text: string, start: number, end: number): number {
  let back = 0;
  while (!isLineStart(text, start - back) && text[start - back - 1] === text[end - back - 1]) back++;
  return isLineStart(text, start - back) ? back : 0;
}

function isLineStart(text: string, offset: number): boolean {
  return offset === 0 || text[offset - 1] === "\n";
}

/** The last line's end may stay, and what is written in place of the lines then stands before it. */
function endOfLines(text: string, to: number): number {
  if (to === text.length || text[to - 1] === "\n") return to;
  return text[to] === "\n" ? to + 1 : text.lastIndexOf("\n", to - 1) + 1;
}

function linesBefore(text: string, start: number): number {
  let at = start;
  for (let line = 0; line < LINES_BEFORE && at > 0; line++) at = text.lastIndexOf("\n", at - 2) + 1;
  return at;
}
