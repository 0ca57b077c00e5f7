/** A person who types the edits of a repository, looks at what is shown after each key and takes it if all of it is right. */
import type { Answerer, Asked, TextChange, TypedDocument } from "./answerer.ts";
import type { Edit, FileEdits } from "./edits.ts";
import { commonPrefix, Eyes, type Showing } from "./eyes.ts";
import {
  afterInserting,
  beginWriting,
  isWritten,
  keysOf,
  pressKey,
  type Style,
  styleOf,
  type Writing,
} from "./typing.ts";

/** What one edit came to. */
export interface EditRecord {
  readonly repository: string;
  readonly path: string;
  readonly language: string;
  readonly isChange: boolean;
  readonly edit: number;
  /** Without any help. */
  readonly keysAlone: number;
  /** With it; an acceptance is one. */
  readonly keys: number;
  readonly requests: number;
  readonly shownRequests: number;
  readonly cached: number;
  /** Of each request. */
  readonly ms: readonly number[];
  readonly showings: readonly Showing[];
}

export interface Clock {
  /** Between a key and the one before it, in ms. */
  readonly pauseMs: () => number;
}

export async function replay(
  repository: string,
  files: readonly FileEdits[],
  answerer: Answerer,
  clock: Clock,
): Promise<EditRecord[]> {
  const records: EditRecord[] = [];
  for (const file of files) {
    const typist = new Typist(repository, file, answerer, clock);
    await answerer.open({ ...file });
    let shift = 0;
    for (const edit of file.edits) {
      const line = edit.line + shift;
      shift += edit.added.length - edit.removed;
      if (!edit.isTyped) await typist.paste(line, edit);
      else records.push(await typist.type(line, edit, records.length));
    }
  }
  return records;
}

class Typist {
  readonly #repository: string;
  readonly #file: FileEdits;
  readonly #answerer: Answerer;
  readonly #clock: Clock;
  readonly #style: Style;
  #text: string;
  #nowMs = 0;

  constructor(repository: string, file: FileEdits, answerer: Answerer, clock: Clock) {
    this.#repository = repository;
    this.#file = file;
    this.#answerer = answerer;
    this.#clock = clock;
    this.#text = file.text;
    this.#style = styleOf(file.text, file.languageId);
  }

  /** Without a question. */
  async paste(line: number, { removed, added }: Edit): Promise<void> {
    const start = lineStart(this.#text, line);
    const end = lineStart(this.#text, line + removed);
    await this.#change({ start, end, text: added.map((one) => `${one}\n`).join("") });
  }

  async type(line: number, edit: Edit, index: number): Promise<EditRecord> {
    const start = lineStart(this.#text, line);
    if (edit.removed > 0) {
      await this.#change({ start, end: lineStart(this.#text, line + edit.removed), text: "" });
    }
    // Behind the line above, or on an empty line at the top.
    if (start === 0) await this.#change({ start: 0, end: 0, text: "\n" });
    const cursor = start === 0 ? 0 : start - 1;
    const target = start === 0 ? edit.added.join("\n") : `\n${edit.added.join("\n")}`;
    return await this.#write(target, cursor, edit, index);
  }

  async #write(target: string, cursor: number, edit: Edit, index: number): Promise<EditRecord> {
    const { path, language } = this.#file;
    const lineBefore = this.#text.slice(this.#text.lastIndexOf("\n", cursor - 1) + 1, cursor);
    const keysAlone = keysOf(target, lineBefore, this.#style);
    const eyes = new Eyes();
    const answers: Asked[] = [];
    let writing = beginWriting(target);
    let keys = 0;
    while (!isWritten(writing)) {
      const step = pressKey(writing, lineBefore, this.#style);
      for (let next: Writing | undefined = step.writing; next; ) {
        keys += next === step.writing ? step.keys : 1;
        this.#nowMs += this.#clock.pauseMs();
        await this.#put(writing, next, cursor);
        writing = next;
        const at = cursor + writing.typed.length + writing.slack.length;
        const asked = await this.#answerer.ask(this.#document, at);
        answers.push(asked);
        next = this.#look(eyes, asked, writing, at, lineBefore);
      }
    }
    return {
      ...{ repository: this.#repository, path, language, isChange: edit.removed > 0, edit: index },
      ...{ keysAlone, keys, requests: answers.length },
      shownRequests: answers.filter(({ shown }) => shown !== undefined).length,
      cached: answers.filter(({ isCached }) => isCached).length,
      ms: answers.map(({ ms }) => ms),
      showings: eyes.close(this.#nowMs),
    };
  }

  /** The writing after what is shown was taken; undefined when it is not. */
  #look(eyes: Eyes, asked: Asked, writing: Writing, at: number, lineBefore: string): Writing | undefined {
    const { shown, ms } = asked;
    const view = {
      writing,
      nowMs: this.#nowMs,
      ms,
      line: lastLine(lineBefore + writing.typed + writing.slack),
    };
    if (!shown) {
      eyes.seeNothing(view);
      return undefined;
    }
    // A text may begin before the cursor, with what is typed.
    const again = this.#text.slice(shown.start, at);
    const isAhead = shown.start <= at && shown.end >= at && shown.text.startsWith(again);
    const text = shown.text.slice(isAhead ? again.length : 0);
    const after = isAhead
      ? afterInserting(writing, text, shown.end - at, lineBefore, this.#style)
      : undefined;
    eyes.see(view, text, after !== undefined);
    return after;
  }

  async #put(from: Writing, to: Writing, cursor: number): Promise<void> {
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
    await this.#answerer.change(this.#document, change);
  }

  get #document(): TypedDocument {
    const { path, languageId } = this.#file;
    return { path, languageId, text: this.#text };
  }
}

function lineStart(text: string, line: number): number {
  let start = 0;
  for (let i = 0; i < line; i++) start = text.indexOf("\n", start) + 1;
  return start;
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1);
}
