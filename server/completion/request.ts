/** One question from an editor, and its answer, in offsets of the document's text. */
import { wholeCharacterOffset } from "./characters.ts";
import { lineFeedsOnly } from "./lineEnds.ts";
import { guessTabSize } from "./tabSize.ts";

export interface OpenDocument {
  readonly uri: string;
  /** As shown to the model: relative to its workspace folder, with forward slashes. */
  readonly relativePath: string;
  readonly languageId: string;
  readonly text: string;
  /** Of a notebook's cell: what stands in the cells of its language before and after it. */
  readonly notebook?: { readonly uri: string; readonly before: string; readonly after: string };
}

/** What a document shares with the other cells of its notebook. */
export function homeOf({ uri, notebook }: OpenDocument): string {
  return notebook?.uri ?? uri;
}

/** Whether no document was edited, opened or closed between two lists; the order changes with each visit and says nothing. */
export function sameTexts(a: readonly OpenDocument[], b: readonly OpenDocument[]): boolean {
  if (a.length !== b.length) return false;
  const texts = new Map(a.map(({ uri, text }) => [uri, text]));
  return b.every(({ uri, text }) => texts.get(uri) === text);
}

export interface CompletionRequest {
  readonly document: OpenDocument;
  /** UTF-16 offset of the cursor. */
  readonly offset: number;
  /** Asked for by a key, not by typing. */
  readonly manual: boolean;
  /** The suggestion that is selected in the editor's list: a completion must continue it. */
  readonly selected?: { readonly startOffset: number; readonly endOffset: number; readonly text: string };
  /** Columns of a tab, where the editor tells. */
  readonly tabSize?: number;
  /** Other open documents, the most recently used first. */
  readonly others: readonly OpenDocument[];
  /** Why this document may not be completed; absent when it may. */
  readonly forbidden?: string | undefined;
}

/** One of the answers to a request, which have the same id. */
export interface CompletionAnswer {
  readonly id: number;
  /** 0 is the likeliest. */
  readonly alternative: number;
  readonly insertText: string;
  readonly replaceStart: number;
  readonly replaceEnd: number;
}

/** The text on both sides of the cursor, with line feeds only. */
export interface Surroundings {
  readonly before: string;
  readonly after: string;
  /** Columns of a tab. */
  readonly tabSize?: number;
}

/** Takes the selected suggestion for typed. */
export function surroundingsOf(request: CompletionRequest): Surroundings {
  const { text, notebook } = request.document;
  const { start, end } = replacedBy(request);
  return {
    before: lineFeedsOnly((notebook?.before ?? "") + text.slice(0, start) + (request.selected?.text ?? "")),
    after: lineFeedsOnly(text.slice(end) + (notebook?.after ?? "")),
    tabSize: request.tabSize ?? guessTabSize(text),
  };
}

/** What a completion replaces at least: nothing at the cursor, or what the selected suggestion does. Cuts no character in two. */
export function replacedBy({ document, offset, selected }: CompletionRequest): {
  start: number;
  end: number;
} {
  const whole = (place: number) => wholeCharacterOffset(document.text, place);
  if (!selected) return { start: whole(offset), end: whole(offset) };
  return { start: whole(selected.startOffset), end: whole(selected.endOffset) };
}

/** Where the cursor's line begins in the document itself, which may be a cell of what is around; with line feeds only. */
export function lineStartIn({ notebook }: OpenDocument, { before }: Surroundings): number {
  return before.lastIndexOf("\n") + 1 - lineFeedsOnly(notebook?.before ?? "").length;
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
