/**
 * Decodes line by line: a further line only while the caller wants one, and no further than it is likely to be right. Of the
 * first line the likely part is kept, to the end of a word; a further line is kept whole or not at all.
 */
import type { Model, Recall, State } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { concatBytes, decodeWhole } from "../engine/utf8.ts";
import type { Healing } from "./healing.ts";

/** A line of 100 characters has about 35 tokens; a longer one is rarely right to its end. */
const LINE_TOKENS = 48;
/** Whole lines are searched for with so many hypotheses; model/EXPERIMENTS.md has what fewer find. */
const BEAM = 4;
/** Copied code is verified in chunks of so many tokens; `./dev bench` compares with none. */
const DRAFT_TOKENS = 20;

export interface Generation {
  readonly text: string;
  readonly tokensDecoded: number;
  /** Whether more was decoded and left out, since it was not likely enough. */
  readonly isCut: boolean;
  /** Whether its last line became too long, so that nobody knows how it would have ended. */
  readonly isOpen: boolean;
  /** Other texts of the first line, the likeliest first; only where whole lines are searched for. */
  readonly alternatives?: readonly string[];
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
  /** A line is kept as far as the log probabilities of its tokens sum to no less, nats; undefined: the likeliest whole line. */
  readonly leastLogProb: number | undefined;
  readonly signal: AbortSignal;
}

/** `start` is not disposed of. */
export async function generateLines(
  model: Model,
  tokenizer: Tokenizer,
  start: State,
  options: GenerationOptions,
): Promise<Generation> {
  const { wantsMore, leastLogProb, signal } = options;
  const { firstTokens, text: written } = options.healing;
  const decoding = leastLogProb === undefined ? { beam: BEAM } : { leastLogProb };
  const job = { priority: "completion", signal } as const;
  const greedy = { maxTokens: LINE_TOKENS, temperature: 0, topP: 1, seed: 0, stopTokens: tokenizer.lineEnds };
  const bytesOf = (tokens: Int32Array) => concatBytes([...tokens].map((token) => tokenizer.bytesOf(token)));
  const parts: Uint8Array[] = [];
  const context = [...options.context];
  let state = start;
  let tokensDecoded = 0;
  let firstLineAtMs: number | undefined;
  let isOpen = false;
  const text = () => decodeWhole(concatBytes(parts).subarray(written.length));
  const generation = (kept: string, isCut: boolean) => ({
    text: kept,
    tokensDecoded,
    isCut,
    isOpen,
    firstLineAtMs: firstLineAtMs ?? performance.now(),
  });
  try {
    for (;;) {
      const isFirst = firstLineAtMs === undefined;
      const first = isFirst && firstTokens ? { firstTokens } : {};
      const recall = {
        memory: options.recall(),
        context: Int32Array.from(context),
        draftTokens: DRAFT_TOKENS,
      };
      const line = await model.generate(state, { ...job, ...greedy, ...first, ...decoding, recall });
      state = replace(state, line.state, start);
      firstLineAtMs ??= performance.now();
      tokensDecoded += line.tokens.length;
      if (line.reason === "unlikely") {
        if (!isFirst) return generation(text(), true);
        parts.push(bytesOf(line.tokens.subarray(0, -1)));
        return generation(toWordEnd(text(), decodeWhole(bytesOf(line.tokens.subarray(-1)))), true);
      }
      isOpen = line.reason === "length";
      parts.push(bytesOf(line.tokens));
      context.push(...line.tokens);
      const end = line.tokens.at(-1);
      const endsLine = line.reason === "stop" && end !== undefined && tokenizer.bytesOf(end).length > 0;
      if (!endsLine || !wantsMore(text())) break;
      const [next] = await model.advance(state, Int32Array.of(end), job);
      if (!next) break;
      state = replace(state, next, start);
    }
  } finally {
    if (state !== start) state.dispose();
  }
  return generation(text(), false);
}

/** Without the last word where `next`, which is left out, would go on with it. */
function toWordEnd(text: string, next: string): string {
  return /^[\p{L}\p{N}_]/u.test(next) ? text.replace(/[\p{L}\p{N}_]+$/u, "") : text;
}

function replace(before: State, after: State, start: State): State {
  if (before !== start && before !== after) before.dispose();
  return after;
}
