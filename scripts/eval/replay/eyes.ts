/** What a person sees of the texts that are shown: which are new, which stay, how long, and how much of each is right. */
import { commonPrefix } from "../../../server/completion/characters.ts";
import type { Writing } from "./typing.ts";

/** One text that was shown, from its first moment to its last; typed along it stays the same one. */
export interface Showing {
  /** Characters of the cursor's line before it. */
  readonly column: number;
  readonly lineBefore: string;
  readonly text: string;
  /** What the edit goes on with, a little longer than the text. */
  readonly wanted: string;
  readonly accepted: boolean;
  /** Characters of it that were typed by hand before it was accepted or gone. */
  readonly typedAlong: number;
  /** Its first characters that the edit has, too. */
  readonly rightPrefix: number;
  /** Keys that taking its right words one by one would spare, where no earlier text spared them. */
  readonly sparedByWords: number;
  /** From the question to the answer. */
  readonly ms: number;
  /** How long it stood there, on the clock of the keys. */
  readonly stoodMs: number;
  /** Another text took its place, neither typed along nor accepted. */
  readonly wasReplaced: boolean;
  /** The edit was complete: nothing could have been right. */
  readonly atEnd: boolean;
}

export interface View {
  readonly writing: Writing;
  readonly nowMs: number;
  /** When the next key is pressed. */
  readonly nextMs: number;
  readonly ms: number;
  /** To the left of the cursor. */
  readonly line: string;
}

interface Standing {
  readonly since: number;
  readonly typed: number;
  readonly showing: Omit<Showing, "accepted" | "stoodMs" | "wasReplaced" | "typedAlong">;
}

const WANTED_BEYOND = 20;

export class Eyes {
  /** A text is taken when it has stood so long. */
  readonly #readingMs: number;
  readonly #showings: Showing[] = [];
  #standing: Standing | undefined;
  /** Of the target: so far words would have been taken. */
  #taken = 0;

  constructor(readingMs: number) {
    this.#readingMs = readingMs;
  }

  /** An editor keeps a text that is typed along until there is another answer. */
  seeNoAnswer({ nowMs, writing }: View): void {
    if (!this.#standing) return;
    const { typed, showing } = this.#standing;
    const along = writing.target.slice(typed, writing.typed.length) + writing.slack;
    if (along.length < showing.text.length && showing.text.startsWith(along)) return;
    this.#end(nowMs, writing.typed.length, {});
  }

  seeNothing({ nowMs, writing }: View): void {
    this.#end(nowMs, writing.typed.length, {});
  }

  /** Whether the text is taken: it is right, and there is time to read it. */
  see(view: View, text: string, isRight: boolean): boolean {
    const { writing, nowMs, ms, line } = view;
    const { target, typed, slack } = writing;
    const along = target.slice(this.#standing?.typed ?? 0, typed.length);
    if (this.#standing?.showing.text === along + text) return isRight && this.#take(view);
    this.#end(nowMs, typed.length, { wasReplaced: true });
    const wanted = target.slice(typed.length);
    const rightPrefix = slack === "" ? commonPrefix(text, wanted) : 0;
    this.#standing = {
      since: nowMs + ms,
      typed: typed.length,
      showing: {
        column: line.length,
        lineBefore: line,
        text,
        wanted: wanted.slice(0, text.length + WANTED_BEYOND),
        rightPrefix,
        sparedByWords: isRight ? 0 : this.#sparedByWords(text, rightPrefix, typed.length),
        ms,
        atEnd: wanted === "",
      },
    };
    return isRight && this.#take(view);
  }

  #take({ nextMs, writing }: View): boolean {
    if (!this.#standing || nextMs - this.#standing.since < this.#readingMs) return false;
    this.#end(nextMs, writing.typed.length, { accepted: true });
    return true;
  }

  close(nowMs: number): readonly Showing[] {
    this.#end(nowMs, 0, {});
    return this.#showings;
  }

  #end(nowMs: number, typed: number, how: { accepted?: boolean; wasReplaced?: boolean }): void {
    if (!this.#standing) return;
    const { showing, since, typed: begun } = this.#standing;
    this.#showings.push({
      ...showing,
      accepted: how.accepted ?? false,
      wasReplaced: how.wasReplaced ?? false,
      typedAlong: Math.max(0, typed - begun),
      stoodMs: Math.max(0, nowMs - since),
    });
    this.#standing = undefined;
  }

  /** As editors take a word: with the space before it. */
  #sparedByWords(text: string, rightPrefix: number, at: number): number {
    if (at < this.#taken) return 0;
    const ends = [...text.matchAll(/\s*([\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]+)/gu)]
      .map(({ 0: word, index }) => index + word.length)
      .filter((end) => end <= rightPrefix);
    const spared = (ends.at(-1) ?? 0) - ends.length;
    if (spared <= 0) return 0;
    this.#taken = at + (ends.at(-1) ?? 0);
    return spared;
  }
}
