// What is shown as ghost text, followed while it is typed along or taken in pieces: plain data, no vscode.

export interface Offer {
  readonly uri: string;
  /** Where it begins in the document, counted from 0. */
  readonly line: number;
  /** From the beginning of that line to the end of what is offered: the same however far it is typed along. */
  readonly text: string;
  /** What is not in the document yet, and where the cursor stands before it. */
  readonly rest: string;
  readonly cursor: Position;
}

export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Insertion {
  readonly at: Position;
  readonly text: string;
}

/** Whether it is the same text, of which more has been typed meanwhile. */
export function continues(offer: Offer, before: Offer | undefined): boolean {
  if (before === undefined || before.uri !== offer.uri || before.line > offer.line) return false;
  return (
    before.text
      .split("\n")
      .slice(offer.line - before.line)
      .join("\n") === offer.text
  );
}

export interface Advance {
  /** undefined: what was inserted is not how the offer goes on. */
  readonly offer: Offer | undefined;
  /** Characters that were taken at once, as a word or a line is; 0 when they were typed. */
  readonly taken: number;
}

/** What an editor inserts by itself when one key is pressed: the closer beside the opener, a new line's indentation. */
const BY_ONE_KEY = /^(?:\(\)|\[\]|\{\}|""|''|``|<>|\r?\n\s*)$/;

export function advance(offer: Offer, { at, text }: Insertion): Advance {
  const { cursor, rest } = offer;
  const follows = at.line === cursor.line && at.character === cursor.character && rest.startsWith(text);
  // The whole rest is no piece: accepted, it is counted as such.
  if (!follows || text.length >= rest.length) return { offer: undefined, taken: 0 };
  const isTyped = text.length <= 1 || BY_ONE_KEY.test(text);
  const moved = { ...offer, rest: rest.slice(text.length), cursor: behind(at, text) };
  return { offer: moved, taken: isTyped ? 0 : text.length };
}

function behind({ line, character }: Position, text: string): Position {
  const lines = text.split("\n");
  const last = lines.at(-1) ?? "";
  return lines.length === 1
    ? { line, character: character + text.length }
    : { line: line + lines.length - 1, character: last.length };
}
