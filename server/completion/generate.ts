/** Decodes line by line: a further line only while the caller wants one. */
import type { Model, Recall, State } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { concatBytes, decodeWhole } from "../engine/utf8.ts";
import type { Healing } from "./healing.ts";

/** A line of 100 characters has about 35 tokens; a longer one is rarely right to its end. */
const LINE_TOKENS = 48;
/** Copied code is verified in chunks of so many tokens; `./dev bench` compares with none. */
const DRAFT_TOKENS = 20;

export interface Generation {
  readonly text: string;
  readonly tokensDecoded: number;
  /** Mean log probability of the first line's tokens, in nats. */
  readonly firstLineLogProb: number;
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
  readonly signal: AbortSignal;
}

/** `start` is not disposed of. */
export async function generateLines(
  model: Model,
  tokenizer: Tokenizer,
  start: State,
  options: GenerationOptions,
): Promise<Generation> {
  const { wantsMore, signal } = options;
  const { firstTokens, text: written } = options.healing;
  const job = { priority: "completion", signal } as const;
  const greedy = { maxTokens: LINE_TOKENS, temperature: 0, topP: 1, seed: 0, stopTokens: tokenizer.lineEnds };
  const parts: Uint8Array[] = [];
  const context = [...options.context];
  let state = start;
  let tokensDecoded = 0;
  let firstLine: { logProb: number; atMs: number } | undefined;
  const text = () => decodeWhole(concatBytes(parts).subarray(written.length));
  try {
    for (;;) {
      const first = firstLine === undefined && firstTokens ? { firstTokens } : {};
      const recall = {
        memory: options.recall(),
        context: Int32Array.from(context),
        draftTokens: DRAFT_TOKENS,
      };
      const line = await model.generate(state, { ...job, ...greedy, ...first, recall });
      state = replace(state, line.state, start);
      firstLine ??= { logProb: mean(line.logProbs), atMs: performance.now() };
      tokensDecoded += line.tokens.length;
      for (const token of line.tokens) parts.push(tokenizer.bytesOf(token));
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
  return {
    text: text(),
    tokensDecoded,
    firstLineLogProb: firstLine?.logProb ?? Number.NEGATIVE_INFINITY,
    firstLineAtMs: firstLine?.atMs ?? performance.now(),
  };
}

function replace(before: State, after: State, start: State): State {
  if (before !== start && before !== after) before.dispose();
  return after;
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}
