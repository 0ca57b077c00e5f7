/** A document that is typed in: its text, and an answerer that is told of each change. */

import { commonPrefix } from "../../../server/completion/characters.ts";
import type { Answerer, TextChange, TypedDocument } from "./answerer.ts";
import type { Edit, FileEdits } from "./edits.ts";
import type { Writing } from "./typing.ts";

export class Page {
  readonly #file: FileEdits;
  readonly #answerer: Answerer;
  #text: string;

  constructor(file: FileEdits, answerer: Answerer) {
    this.#file = file;
    this.#answerer = answerer;
    this.#text = file.text;
  }

  get document(): TypedDocument {
    const { path, languageId } = this.#file;
    return { path, languageId, text: this.#text };
  }

  /** Without a question. */
  async paste(line: number, { removed, added }: Edit): Promise<void> {
    const text = added.map((one) => `${one}\n`).join("");
    await this.#change({ start: this.#lineStart(line), end: this.#lineStart(line + removed), text });
  }

  /** Where a person goes who changes something there: behind the line above. */
  cursorAt(line: number): number {
    return Math.max(0, this.#lineStart(line) - 1);
  }

  /** Makes room for an edit's lines: where the cursor stands, and what is to be written there. */
  async begin(line: number, { removed, added }: Edit): Promise<{ cursor: number; target: string }> {
    const start = this.#lineStart(line);
    if (removed > 0) await this.#change({ start, end: this.#lineStart(line + removed), text: "" });
    const text = added.join("\n");
    // Behind the line above, or on an empty line at the top.
    if (start > 0) return { cursor: start - 1, target: `\n${text}` };
    await this.#change({ start: 0, end: 0, text: "\n" });
    return { cursor: 0, target: text };
  }

  /** Up to an offset, what stands on its line. */
  lineBefore(cursor: number): string {
    return this.#text.slice(cursor === 0 ? 0 : this.#text.lastIndexOf("\n", cursor - 1) + 1, cursor);
  }

  slice(start: number, end: number): string {
    return this.#text.slice(start, end);
  }

  /** From one state of a writing that began at the cursor to another: one change of what is different. */
  async put(from: Writing, to: Writing, cursor: number): Promise<void> {
    const before = from.typed + from.slack + from.right;
    const after = to.typed + to.slack + to.right;
    if (before === after) return;
    const same = commonPrefix(before, after);
    const longest = Math.min(before.length, after.length) - same;
    let tail = 0;
    while (tail < longest && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
    const text = after.slice(same, after.length - tail);
    await this.#change({ start: cursor + same, end: cursor + before.length - tail, text });
  }

  async #change(change: TextChange): Promise<void> {
    const { start, end, text } = change;
    this.#text = this.#text.slice(0, start) + text + this.#text.slice(end);
    await this.#answerer.change(this.document, change);
  }

  #lineStart(line: number): number {
    let start = 0;
    for (let i = 0; i < line; i++) start = this.#text.indexOf("\n", start) + 1;
    return start;
  }
}
