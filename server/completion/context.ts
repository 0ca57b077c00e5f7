/**
 * What follows the repository's state: snippets, the suffix, then the prefix. What changes most comes last, and every part
 * begins and ends at anchors that rarely move, so that a keystroke only appends.
 */
import type { Tokenizer } from "../engine/tokenizer.ts";
import { cutAtLines, fileHeader } from "../repository/stream.ts";
import { hasOnlyClosers } from "./closers.ts";
import { findHealings, type Healing } from "./healing.ts";
import { lineAfter, type OpenDocument, type Surroundings } from "./request.ts";
import { MOST_SNIPPETS, type SnippetChoice } from "./snippets.ts";

/** About 700 tokens: what stands further up is in the exact recall and in snippets, and more of it here tells nothing more. */
const PREFIX_CHARACTERS = 2000;
/** The prefix begins at a multiple of this, so that it moves only once in so many lines. */
const PREFIX_BLOCK_LINES = 16;
/** About 400 tokens. */
const SUFFIX_CHARACTERS = 1200;
const SUFFIX_LINES = 24;
/** Tokenised by pieces, all but the last of which are known from the keystroke before. */
const PIECE_CHARACTERS = 512;
const MOST_PIECES = 64;

export interface Context {
  /** Everything after the repository's state, up to the cursor. */
  readonly tokens: readonly number[];
  /** Ways of healing their end. */
  readonly healings: readonly Healing[];
}

export class ContextBuilder {
  readonly #tokenizer: Tokenizer;
  readonly #snippets: SnippetChoice;
  readonly #pieces = new Map<string, readonly number[]>();

  constructor(tokenizer: Tokenizer, snippets: SnippetChoice) {
    this.#tokenizer = tokenizer;
    this.#snippets = snippets;
  }

  /** `share`: of the full length of snippets, suffix and prefix; a power of two. */
  build(document: OpenDocument, around: Surroundings, others: readonly OpenDocument[], share = 1): Context {
    const { fim } = this.#tokenizer.special;
    const start = prefixStart(around.before, share);
    const suffix = fim ? suffixOf(around.after, share) : "";
    const likest = this.#snippets.choose({ ...around, start, suffix }, document, others);
    const snippets = likest.slice(Math.max(0, likest.length - Math.floor(share * MOST_SNIPPETS)));
    const tokens: number[] = [];
    for (const { relativePath, text } of snippets) {
      tokens.push(...fileHeader(this.#tokenizer, relativePath), ...this.#encode(text));
    }
    tokens.push(...fileHeader(this.#tokenizer, document.relativePath));
    if (fim) tokens.push(fim.prefix, fim.suffix, ...this.#encode(suffix), fim.middle);
    // A model that was not taught to fill in the middle goes on with the text before the cursor.
    const prefix = around.before.slice(start);
    const prefixTokens = this.#encodeToCursor(prefix);
    tokens.push(...prefixTokens);
    return { tokens, healings: findHealings(this.#tokenizer, prefix, prefixTokens) };
  }

  /** Where the next word's token takes the last space of an indentation, that is a token of its own until then. */
  #encodeToCursor(text: string): number[] {
    if (!this.#tokenizer.habits.indentation || !/[ \t]{2}$/.test(text)) return this.#encode(text);
    return [...this.#encode(text.slice(0, -1)), ...this.#tokenizer.encode(text.slice(-1))];
  }

  #encode(text: string): number[] {
    const tokens: number[] = [];
    for (const piece of cutAtLines(text, PIECE_CHARACTERS)) tokens.push(...this.#encodePiece(piece));
    return tokens;
  }

  #encodePiece(piece: string): readonly number[] {
    const tokens = this.#pieces.get(piece) ?? this.#tokenizer.encode(piece);
    // Renewed at the end: the first ones are the longest unused.
    this.#pieces.delete(piece);
    this.#pieces.set(piece, tokens);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= MOST_PIECES) break;
      this.#pieces.delete(oldest);
    }
    return tokens;
  }
}

/** The offset of the first block of lines from which the prefix is short enough. */
export function prefixStart(before: string, share = 1): number {
  const most = share * PREFIX_CHARACTERS;
  if (before.length <= most) return 0;
  const earliest = before.length - most;
  const blockLines = Math.min(PREFIX_BLOCK_LINES, 2 * share * PREFIX_BLOCK_LINES);
  let line = 0;
  for (let end = before.indexOf("\n"); end >= 0; end = before.indexOf("\n", end + 1)) {
    line++;
    if (line % blockLines === 0 && end + 1 >= earliest) return end + 1;
  }
  // Long lines: no block begins late enough. A quarter of the length is then the block.
  const step = most / 4;
  return Math.ceil(earliest / step) * step;
}

export function suffixOf(after: string, share = 1): string {
  const most = share * SUFFIX_CHARACTERS;
  const rest = lineAfter(after);
  // What an editor closes by itself changes with each bracket typed; the model writes it, and the item's range covers it.
  const start = hasOnlyClosers(rest) ? rest.length : 0;
  let end = start;
  for (let line = 0; line < SUFFIX_LINES; line++) {
    const next = after.indexOf("\n", end + 1);
    if (next < 0) return after.slice(start, start + most);
    if (next - start > most) break;
    end = next;
  }
  return after.slice(start, end > start ? end : start + most);
}
