/** What is shown as ghost text, followed through the document's changes while it is typed along or taken in pieces. */

export interface Offer {
  readonly uri: string;
  /** Offset of the line that it begins in. */
  readonly lineStart: number;
  /** From there to the end of what is offered: the same however far it is typed along. */
  readonly line: string;
  /** What is not in the document yet, and the cursor's offset before it. */
  readonly rest: string;
  readonly cursor: number;
}

/** One change of a document, in offsets of the text before it. */
export interface Edit {
  readonly offset: number;
  /** Length of what was there. */
  readonly removed: number;
  readonly text: string;
}

/** Of a text, how much was written by one change: by a key, or taken as a word, a line, or all that was left at once. */
export type Progress = { readonly by: "key" | "word" | "line" | "rest"; readonly offer: Offer };
/** What ended it: something else at its place, or a change at another one. */
export type End = "refused" | "elsewhere";

/** What an editor inserts by itself when one key is pressed: the closer beside the opener, a new line's indentation. */
const PAIR = /^(?:\(\)|\[\]|\{\}|""|''|``|<>)$/;
const NEW_LINE = /^(?:\r\n?|\n)[ \t]*$/;
/** What editors take as one word: a name or signs, with the blanks beside it. */
const WORD = /^\s*(?:[\p{L}\p{N}_$]+|[^\p{L}\p{N}_$\s]*)\s*$/u;

/** Whether it is the same text, of which more or less is written meanwhile. */
export function continues(offer: Offer, before: Offer): boolean {
  if (before.uri !== offer.uri || before.lineStart > offer.lineStart) return false;
  return before.line.slice(offer.lineStart - before.lineStart) === offer.line;
}

/** `isEachKeyApart`: the client sends the change of each key by itself, so that several characters at once were taken. */
export function follow(offer: Offer, edits: readonly Edit[], isEachKeyApart: boolean): Progress | End {
  const [edit, ...others] = edits;
  if (edit === undefined || others.length > 0) return "elsewhere";
  const { offset, removed } = edit;
  if (offset > offer.cursor || offset + removed < offer.cursor) return "elsewhere";
  const text = withoutCloser(edit.text);
  if (removed > 0 || !offer.rest.startsWith(text)) return "refused";
  const rest = offer.rest.slice(text.length);
  const moved = { ...offer, rest, cursor: offset + text.length };
  if (!isEachKeyApart || isOneKey(text)) return { by: "key", offer: moved };
  if (rest === "") return { by: "rest", offer: moved };
  const reachesLineEnd = /[\r\n]/.test(text.trimStart()) || /^[\r\n]/.test(rest);
  return { by: reachesLineEnd && !WORD.test(text) ? "line" : "word", offer: moved };
}

/** Whether one key inserts this, without what the editor adds by itself. */
export function isOneKey(text: string): boolean {
  return [...text].length === 1 || PAIR.test(text) || NEW_LINE.test(text);
}

/** The cursor stands behind what is left. */
export function withoutCloser(text: string): string {
  return PAIR.test(text) ? text.slice(0, 1) : text;
}

/** Keys that would have written it: an editor indents by itself. */
export function keysFor(text: string): number {
  return text.replace(/(?:\r\n?|\n)[ \t]*/g, "\n").length;
}

/** How many keys the changes are worth: what they wrote, less what they took away. */
export function growth(edits: readonly Edit[]): number {
  return edits.reduce((sum, { text, removed }) => sum + keysFor(text) - removed, 0);
}
