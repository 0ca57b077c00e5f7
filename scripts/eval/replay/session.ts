/** A person who types the edits of a repository, looks at what is shown after each key and takes it if all of it is right. */
import type { Answerer, Asked } from "./answerer.ts";
import type { FileEdits } from "./edits.ts";
import { Eyes, type Showing } from "./eyes.ts";
import { Page } from "./page.ts";
import type { Pace } from "./pauses.ts";
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
  /** Without any help; neither count has wrong keys and their corrections, nor what was undone. */
  readonly keysAlone: number;
  /** With it; an acceptance is one. */
  readonly keys: number;
  readonly requests: number;
  readonly shownRequests: number;
  readonly cached: number;
  /** The next key came before their answers. */
  readonly cancelled: number;
  /** Of each request that was answered. */
  readonly ms: readonly number[];
  readonly showings: readonly Showing[];
}

export async function replay(
  repository: string,
  files: readonly FileEdits[],
  answerer: Answerer,
  pace: Pace,
): Promise<EditRecord[]> {
  const records: EditRecord[] = [];
  for (const file of files) {
    const page = new Page(file, answerer);
    await answerer.open(page.document);
    let shift = 0;
    for (const edit of file.edits) {
      const line = edit.line + shift;
      shift += edit.added.length - edit.removed;
      if (!edit.isTyped) {
        await page.paste(line, edit);
        continue;
      }
      if (pace.real) await answerer.rest(page.document, page.cursorAt(line));
      await pace.jump();
      const { cursor, target } = await page.begin(line, edit);
      const typist = new Typist(page, cursor, styleOf(file.text, file.languageId), answerer, pace);
      const { path, language } = file;
      const about = { repository, path, language, isChange: edit.removed > 0, edit: records.length };
      records.push({ ...about, ...(await typist.write(target)) });
    }
    if (pace.real) await answerer.save(page.document);
  }
  return records;
}

type Typed = Omit<EditRecord, "repository" | "path" | "language" | "isChange" | "edit">;

/** Writes one edit. */
class Typist {
  readonly #page: Page;
  readonly #cursor: number;
  readonly #lineBefore: string;
  readonly #style: Style;
  readonly #answerer: Answerer;
  readonly #pace: Pace;
  readonly #eyes: Eyes;
  readonly #answers: (Asked | undefined)[] = [];
  #writing = beginWriting("");
  #nowMs = 0;
  #nextMs = 0;

  constructor(page: Page, cursor: number, style: Style, answerer: Answerer, pace: Pace) {
    this.#page = page;
    this.#cursor = cursor;
    this.#lineBefore = page.lineBefore(cursor);
    this.#style = style;
    this.#answerer = answerer;
    this.#pace = pace;
    this.#eyes = new Eyes(pace.readingMs);
  }

  async write(target: string): Promise<Typed> {
    this.#writing = beginWriting(target);
    const keysAlone = keysOf(target, this.#lineBefore, this.#style);
    let keys = 0;
    while (!isWritten(this.#writing)) {
      for (const aside of this.#pace.asides(this.#writing)) await this.#visit(aside, false);
      const step = pressKey(this.#writing, this.#lineBefore, this.#style);
      keys += step.keys;
      let taken = await this.#visit(step.writing);
      while (taken) {
        keys++;
        taken = await this.#visit(taken);
      }
    }
    const answered = this.#answers.filter((one) => one !== undefined);
    return {
      keysAlone,
      keys,
      requests: this.#answers.length,
      shownRequests: answered.filter(({ shown }) => shown !== undefined).length,
      cached: answered.filter(({ isCached }) => isCached).length,
      cancelled: this.#answers.length - answered.length,
      ms: answered.map(({ ms }) => ms),
      showings: this.#eyes.close(this.#nextMs),
    };
  }

  /** One key: the document changes, the question is asked, what is shown is looked at. The writing after it was taken, if it was. */
  async #visit(writing: Writing, mayTake = true): Promise<Writing | undefined> {
    this.#nowMs = this.#nextMs;
    await this.#page.put(this.#writing, writing, this.#cursor);
    this.#writing = writing;
    const at = this.#cursor + writing.typed.length + writing.slack.length;
    const pauseMs = this.#pace.pauseMs(writing);
    const asked = await this.#ask(at, pauseMs);
    this.#answers.push(asked);
    this.#nextMs = this.#nowMs + Math.max(pauseMs, this.#pace.real ? 0 : (asked?.ms ?? 0));
    return this.#look(asked, at, mayTake);
  }

  /** Resolves when the next key is due; undefined when there is no answer by then. */
  async #ask(at: number, pauseMs: number): Promise<Asked | undefined> {
    const { real } = this.#pace;
    const { document } = this.#page;
    if (!real) return await this.#answerer.ask(document, at);
    const { wait, savesAfterMs } = real;
    const isLate = new AbortController();
    const due = async (): Promise<void> => {
      const saved = savesAfterMs !== undefined && pauseMs > savesAfterMs ? savesAfterMs : undefined;
      await wait(saved ?? pauseMs);
      if (saved !== undefined) {
        await this.#answerer.save(document);
        await wait(pauseMs - saved);
      }
      isLate.abort();
    };
    const [asked] = await Promise.all([this.#answerer.ask(document, at, isLate.signal), due()]);
    return asked;
  }

  #look(asked: Asked | undefined, at: number, mayTake: boolean): Writing | undefined {
    const writing = this.#writing;
    const { typed, slack } = writing;
    const view = {
      ...{ writing, nowMs: this.#nowMs, nextMs: this.#nextMs, ms: asked?.ms ?? 0 },
      line: lastLine(this.#lineBefore + typed + slack),
    };
    if (!asked) {
      this.#eyes.seeNoAnswer(view);
      return undefined;
    }
    const { shown } = asked;
    if (!shown) {
      this.#eyes.seeNothing(view);
      return undefined;
    }
    // A text may begin before the cursor, with what is typed.
    const again = this.#page.slice(shown.start, at);
    const isAhead = shown.start <= at && shown.end >= at && shown.text.startsWith(again);
    const text = shown.text.slice(isAhead ? again.length : 0);
    const replaced = shown.end - at;
    const after =
      isAhead && mayTake ? afterInserting(writing, text, replaced, this.#lineBefore, this.#style) : undefined;
    return this.#eyes.see(view, text, after !== undefined) ? after : undefined;
  }
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1);
}
