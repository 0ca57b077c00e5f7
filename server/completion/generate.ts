/**
 * Decodes line by line: a further line only while the caller wants one, and no further than it is likely to be right. Of the
 * first line the likely part is kept, to the end of a word; a further line is kept whole or not at all.
 */
import type { Generated, Model, Recall, State } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { concatBytes, decodeWhole } from "../engine/utf8.ts";
import type { Healing } from "./healing.ts";
import { isBlank } from "./lines.ts";

/** A line of 100 characters has about 35 tokens. A longer one goes on in pieces of as many, greedily, while it is likely. */
const LINE_TOKENS = 48;
const MOST_LINE_TOKENS = 4 * LINE_TOKENS;
/** No further piece is begun after this time, since the person waits for all of them. */
const MOST_PIECES_MS = 600;
/** Of a slow model: what it has of a line by then is all of it. */
const MOST_LINE_MS = 3000;
/** Of the further pieces of a line that may end anywhere: each is kept as far as it is right with this probability. */
const LEAST_PIECE_PROBABILITY = 0.4;
/** Whole lines are searched for with so many hypotheses; model/EXPERIMENTS.md has what fewer find. */
const BEAM = 4;
/** Copied code is verified in chunks of so many tokens; `./dev bench` compares with none. */
const DRAFT_TOKENS = 20;

export interface Piece {
  /** Where it ends in the text. */
  readonly end: number;
  /** After the ones before it, nats. */
  readonly logProb: number;
}

export interface Generation {
  readonly text: string;
  /** What else the first line could be, the likeliest first, without its line end: only where the whole line was searched for. */
  readonly alternatives: readonly string[];
  readonly tokensDecoded: number;
  /** The tokens of the text, in their order. */
  readonly pieces: readonly Piece[];
  /** Of a text that goes on unlikely: what the next token would write. */
  readonly next: string | undefined;
  /** Whether more was decoded and left out, since it was not likely enough or too long. */
  readonly isCut: boolean;
  /** Whether its last line became too long, so that nobody knows how it would have ended. */
  readonly isOpen: boolean;
  /** Of performance.now(), when the first line was there. */
  readonly firstLineAtMs: number;
}

export interface GenerationOptions {
  readonly healing: Healing;
  /** The repository's, now: it may be another one at the next line. */
  readonly recall: () => Recall;
  /** The tokens of the request up to `start`. */
  readonly context: readonly number[];
  /** Given the text so far, which ends a line: whether to decode another. */
  readonly wantsMore: (text: string) => boolean;
  /** The text is decoded as far as the log probabilities of its tokens sum to no less, nats; undefined: the likeliest whole lines. */
  readonly leastLogProb: number | undefined;
  readonly signal: AbortSignal;
}

/** Its first characters alone. */
export function shortened(generation: Generation, length: number): Generation {
  // The end of a line is nothing that is left out.
  if (isBlank(generation.text.slice(length))) return generation;
  const pieces = generation.pieces.filter(({ end }) => end <= length);
  return { ...generation, text: generation.text.slice(0, length), pieces, isCut: true, isOpen: false };
}

/** `start` is not disposed of. */
export async function generateLines(
  model: Model,
  tokenizer: Tokenizer,
  start: State,
  options: GenerationOptions,
): Promise<Generation> {
  const decoder = new LineDecoder(model, tokenizer, start, options);
  try {
    return await decoder.decode();
  } finally {
    decoder.dispose();
  }
}

/** How a line ended: with its line end, with the text, or before `next`, which is undefined where it was not decoded. */
type LineEnd = { readonly end: "line" | "text" } | { readonly end: "cut"; readonly next: string | undefined };

class LineDecoder {
  readonly #model: Model;
  readonly #tokenizer: Tokenizer;
  readonly #options: GenerationOptions;
  readonly #start: State;
  #state: State;
  readonly #begunMs = performance.now();
  #firstLineAtMs: number | undefined;
  #tokensDecoded = 0;
  /** Decoded and kept. */
  readonly #tokens: number[] = [];
  /** Of each of them. */
  readonly #logProbs: number[] = [];
  #alternatives: readonly string[] = [];

  constructor(model: Model, tokenizer: Tokenizer, start: State, options: GenerationOptions) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#start = start;
    this.#state = start;
  }

  async decode(): Promise<Generation> {
    const { wantsMore, leastLogProb } = this.#options;
    for (;;) {
      const isFirst = this.#firstLineAtMs === undefined;
      const kept = this.#tokens.length;
      const line = await this.#decodeLine(isFirst);
      this.#firstLineAtMs ??= performance.now();
      if (line.end === "cut") {
        const isOpen = line.next === undefined;
        if (leastLogProb !== undefined) return this.#generation(this.#text(), true, isOpen, line.next);
        if (isFirst) return this.#generation(toWordEnd(this.#text(), line.next), true, isOpen);
        return this.#generation(this.#text(this.#tokens.slice(0, kept)), true);
      }
      if (line.end === "text" || !wantsMore(this.#text())) return this.#generation(this.#text(), false);
      await this.#readLineEnd();
    }
  }

  dispose(): void {
    this.#goOnFrom(this.#start);
  }

  async #decodeLine(isFirst: boolean): Promise<LineEnd> {
    const begin = this.#tokens.length;
    for (;;) {
      const isBeginning = this.#tokens.length === begin;
      const piece = await this.#decodePiece(isFirst && isBeginning, isBeginning);
      this.#goOnFrom(piece.state);
      this.#tokensDecoded += piece.tokens.length;
      const last = this.#tokenizer.bytesOf(piece.tokens.at(-1) ?? -1);
      if (piece.reason === "unlikely") {
        this.#keep(piece.tokens.subarray(0, -1), piece.logProbs);
        return { end: "cut", next: decodeWhole(last) };
      }
      this.#keep(piece.tokens, piece.logProbs);
      if (piece.reason === "stop") return { end: last.length > 0 ? "line" : "text" };
      const hasTime = performance.now() - this.#begunMs < MOST_PIECES_MS;
      if (!hasTime || this.#tokens.length - begin >= MOST_LINE_TOKENS) return { end: "cut", next: undefined };
    }
  }

  #keep(tokens: Int32Array, logProbs: Float32Array): void {
    this.#tokens.push(...tokens);
    this.#logProbs.push(...logProbs.subarray(0, tokens.length));
  }

  async #decodePiece(isFirst: boolean, isBeginning: boolean): Promise<Generated> {
    const { healing, leastLogProb } = this.#options;
    const bound =
      leastLogProb === undefined
        ? Math.log(LEAST_PIECE_PROBABILITY)
        : Math.min(0, leastLogProb - this.#logProbs.reduce((sum, one) => sum + one, 0));
    const recall = {
      memory: this.#options.recall(),
      context: Int32Array.from([...this.#options.context, ...this.#tokens]),
      draftTokens: DRAFT_TOKENS,
    };
    const piece = await this.#model.generate(this.#state, {
      ...this.#job,
      ...(isFirst && healing.firstTokens ? { firstTokens: healing.firstTokens } : {}),
      ...(leastLogProb === undefined && isBeginning ? { beam: BEAM } : { leastLogProb: bound }),
      maxTokens: LINE_TOKENS,
      mostMs: Math.max(0, MOST_LINE_MS - (performance.now() - this.#begunMs)),
      temperature: 0,
      topP: 1,
      seed: 0,
      stopTokens: this.#tokenizer.lineEnds,
      recall,
    });
    if (isFirst) this.#alternatives = piece.alternatives.map(({ tokens }) => lineOf(this.#text([...tokens])));
    return piece;
  }

  async #readLineEnd(): Promise<void> {
    const [next] = await this.#model.advance(this.#state, Int32Array.from(this.#tokens.slice(-1)), this.#job);
    if (!next) throw new Error("The engine gave no state for the end of the line.");
    this.#goOnFrom(next);
  }

  get #job() {
    return { priority: "completion", signal: this.#options.signal } as const;
  }

  #goOnFrom(state: State): void {
    if (this.#state !== this.#start && this.#state !== state) this.#state.dispose();
    this.#state = state;
  }

  /** Without what stands there already. */
  #text(tokens: readonly number[] = this.#tokens): string {
    const bytes = concatBytes(tokens.map((token) => this.#tokenizer.bytesOf(token)));
    return decodeWhole(bytes.subarray(this.#options.healing.text.length));
  }

  #pieces(): Piece[] {
    return this.#logProbs.map((logProb, i) => ({
      end: this.#text(this.#tokens.slice(0, i + 1)).length,
      logProb,
    }));
  }

  #generation(text: string, isCut: boolean, isOpen = false, next?: string): Generation {
    const others = new Set(this.#alternatives.filter((line) => line.trim() !== "" && line !== lineOf(text)));
    return {
      text,
      alternatives: [...others],
      pieces: this.#pieces(),
      next,
      tokensDecoded: this.#tokensDecoded,
      isCut,
      isOpen,
      firstLineAtMs: this.#firstLineAtMs ?? performance.now(),
    };
  }
}

/** The first, without its end. */
function lineOf(text: string): string {
  return /^[^\r\n]*/.exec(text)?.[0] ?? "";
}

/** Without the last word, where `next`, which is left out, would go on with it or is not known. */
export function toWordEnd(text: string, next: string | undefined): string {
  const goesOn = next === undefined || /^[\p{L}\p{N}_]/u.test(next);
  return goesOn ? text.replace(/[\p{L}\p{N}_]+$/u, "") : text;
}
