/** A text as a server sends it, piece by piece: cut where it becomes unlikely, and ended with the last line that is wanted. */
import type { TextChunk } from "../engine/remote/answers.ts";
import { type Piece, toWordEnd } from "./generate.ts";
import type { Question, Written } from "./writer.ts";

/** As many as a line has at most where it is decoded on this machine. */
const MOST_LINE_CHARACTERS = 400;
/** Further lines are read only within this time. */
const MOST_LINES_MS = 1000;

type End = "line" | "text" | "unlikely" | "open" | "other text";

export class StreamedText {
  readonly #question: Question;
  readonly #expected: string;
  readonly #begunAtMs = performance.now();
  /** With what is expected. */
  #whole = "";
  #text = "";
  readonly #pieces: Piece[] = [];
  /** Of tokens that have written no whole character yet. */
  #pendingLogProb = 0;
  #logProb = 0;
  #isWeighed = true;
  #tokens = 0;
  #promptTokens = 0;
  #cachedTokens = 0;
  #firstLineAtMs: number | undefined;
  #next: string | undefined;
  #end: End | undefined;

  /** `expected`: what stands before the cursor already and the server is to write first. */
  constructor(question: Question, expected: string) {
    this.#question = question;
    this.#expected = expected;
  }

  /** Whether more of it is wanted; after its own end only the server's counts are. */
  goesOnAfter(chunk: TextChunk): boolean {
    this.#promptTokens = chunk.promptTokens ?? this.#promptTokens;
    this.#cachedTokens = chunk.cachedTokens ?? this.#cachedTokens;
    if (this.#end) return this.#end === "text" || this.#end === "open";
    this.#tokens += chunk.tokens;
    this.#take(chunk);
    if (chunk.end) this.#end ??= chunk.end === "length" ? "open" : "text";
    return this.#end === undefined || chunk.end !== undefined;
  }

  written(): Written {
    const isCut = this.#end !== "line" && this.#end !== "text";
    const endMs = performance.now();
    const firstLineAtMs = this.#firstLineAtMs ?? endMs;
    return {
      text: isCut && !this.#isCutAnywhere ? this.#wholeLines() : this.#text,
      alternatives: [],
      tokensDecoded: this.#tokens,
      pieces: this.#isWeighed ? this.#pieces : [],
      next: this.#next,
      isCut,
      isOpen: this.#end === "open",
      isWeighed: this.#isWeighed,
      firstLineAtMs,
      tokensAdvanced: this.#promptTokens - this.#cachedTokens,
      contextTokens: this.#promptTokens,
      begunAtMs: this.#begunAtMs,
      msDecoding: endMs - this.#begunAtMs,
    };
  }

  get #isCutAnywhere(): boolean {
    return this.#isWeighed && this.#question.leastLogProb !== undefined;
  }

  #take({ text, logProb }: TextChunk): void {
    if (text !== "" && logProb === undefined) this.#isWeighed = false;
    this.#pendingLogProb += logProb ?? 0;
    if (text === "") return;
    this.#whole += text;
    const expected = this.#expected.slice(0, this.#whole.length);
    if (!this.#whole.startsWith(expected)) {
      this.#end = "other text";
      return;
    }
    const before = this.#text.length;
    const own = this.#whole.slice(this.#expected.length);
    // What stands there already was certain.
    if (own === "") this.#pendingLogProb = 0;
    else this.#add(own.slice(before));
  }

  #add(text: string): void {
    const { leastLogProb = Number.NEGATIVE_INFINITY } = this.#question;
    this.#logProb += this.#pendingLogProb;
    if (this.#isWeighed && this.#logProb < leastLogProb) {
      this.#next = text;
      this.#end = "unlikely";
      return;
    }
    const before = this.#text.length;
    this.#text += text;
    if (this.#question.mayFit?.(this.#text) === false) {
      this.#end = "other text";
      return;
    }
    this.#pieces.push({ end: this.#text.length, logProb: this.#pendingLogProb });
    this.#pendingLogProb = 0;
    for (let feed = this.#text.indexOf("\n", before); feed >= 0; feed = this.#text.indexOf("\n", feed + 1)) {
      this.#firstLineAtMs ??= performance.now();
      if (!this.#wantsMore(this.#text.slice(0, feed + 1))) {
        this.#endAt(feed + 1);
        return;
      }
    }
    if (this.#text.length - this.#text.lastIndexOf("\n") > MOST_LINE_CHARACTERS) this.#end = "open";
  }

  #wantsMore(text: string): boolean {
    return performance.now() - this.#begunAtMs <= MOST_LINES_MS && this.#question.wantsMore(text);
  }

  #endAt(length: number): void {
    this.#text = this.#text.slice(0, length);
    const last = this.#pieces.pop();
    if (last) this.#pieces.push({ ...last, end: length });
    this.#end = "line";
  }

  /** Without the line that is cut, unless it is the first. */
  #wholeLines(): string {
    const end = this.#text.lastIndexOf("\n");
    return end < 0 ? toWordEnd(this.#text, this.#next) : this.#text.slice(0, end + 1);
  }
}
