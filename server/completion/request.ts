/** One question from an editor, and its answer, in offsets of the document's text. */

export interface OpenDocument {
  readonly uri: string;
  /** As shown to the model: relative to its workspace folder, with forward slashes. */
  readonly relativePath: string;
  readonly languageId: string;
  readonly text: string;
  /** Where it was last edited, a line number; undefined when it was only opened. */
  readonly editedLine: number | undefined;
}

export interface CompletionRequest {
  readonly document: OpenDocument;
  /** UTF-16 offset of the cursor. */
  readonly offset: number;
  /** Asked for by a key, not by typing. */
  readonly manual: boolean;
  /** The suggestion that is selected in the editor's list: a completion must continue it. */
  readonly selected?: { readonly startOffset: number; readonly endOffset: number; readonly text: string };
  /** Other open documents, the most recently used first. */
  readonly others: readonly OpenDocument[];
}

export interface CompletionAnswer {
  readonly id: number;
  readonly insertText: string;
  readonly replaceStart: number;
  readonly replaceEnd: number;
}

/** The text on both sides of the cursor, with line feeds only. */
export interface Surroundings {
  readonly before: string;
  readonly after: string;
}

/** Takes the selected suggestion for typed, and never cuts a surrogate pair in two. */
export function surroundingsOf(request: CompletionRequest): Surroundings {
  const { text } = request.document;
  const { selected } = request;
  const offset = wholeCharacterOffset(text, selected ? selected.endOffset : request.offset);
  const before = selected ? text.slice(0, selected.startOffset) + selected.text : text.slice(0, offset);
  return { before: lineFeedsOnly(before), after: lineFeedsOnly(text.slice(offset)) };
}

function wholeCharacterOffset(text: string, offset: number): number {
  const next = text.charCodeAt(offset);
  const previous = text.charCodeAt(offset - 1);
  const inside = next >= 0xdc00 && next < 0xe000 && previous >= 0xd800 && previous < 0xdc00;
  return inside ? offset - 1 : offset;
}

function lineFeedsOnly(text: string): string {
  return text.includes("\r") ? text.replaceAll("\r\n", "\n") : text;
}

/** From the line's beginning to the cursor. */
export function lineBefore(before: string): string {
  return before.slice(before.lastIndexOf("\n") + 1);
}

/** From the cursor to the line's end. */
export function lineAfter(after: string): string {
  const end = after.indexOf("\n");
  return end < 0 ? after : after.slice(0, end);
}
