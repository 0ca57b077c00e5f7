/** What each hybrid ratio costs and what it is worth, on a sample of the person's own repository. */
import type { RatioFigures } from "../../protocol/benchmark.ts";
import type { Model, Recall, State } from "../engine/engine.ts";
import { throwIfCancelled } from "../engine/engine.ts";
import type { Sample, SampleFile } from "./sample.ts";
import { median } from "./statistics.ts";

/** A keystroke is one to three tokens, an answer about a line. */
const TYPED_TOKENS = 2;
const ANSWER_TOKENS = 16;
const COMPLETIONS = 9;

export interface RatioOptions {
  readonly sample: Sample;
  readonly stateHeads: readonly number[];
  /** 0 is unbounded. */
  readonly attentionWindow: number;
  /** An unbounded cache is what it would be after so many. */
  readonly stateTokens: number;
  readonly signal: AbortSignal;
  readonly onFigures: (figures: RatioFigures) => void;
}

export async function measureRatios(model: Model, options: RatioOptions): Promise<RatioFigures[]> {
  const { context, contextFiles, tokenKinds } = options.sample;
  const recall = model.createRecall(context.length + 1, tokenKinds);
  try {
    for (const text of contextFiles) recall.append(text);
    const all: RatioFigures[] = [];
    for (const stateHeads of options.stateHeads) {
      const figures = await measureRatio(model, recall, stateHeads, options);
      all.push(figures);
      options.onFigures(figures);
    }
    return all;
  } finally {
    recall.dispose();
  }
}

async function measureRatio(
  model: Model,
  recall: Recall,
  stateHeads: number,
  options: RatioOptions,
): Promise<RatioFigures> {
  const { sample, attentionWindow, stateTokens, signal } = options;
  const { context } = sample;
  const start = model.initialState(stateHeads, attentionWindow);
  const begunMs = performance.now();
  const [read] = await model
    .advance(start, context, { priority: "background", signal })
    .finally(() => start.dispose());
  const readMs = performance.now() - begunMs;
  if (!read) throw new Error("The engine gave no state for the sample.");
  try {
    const grown = attentionWindow === 0 ? Math.max(1, stateTokens / context.length) : 1;
    const { completionMs, decodeTokensPerSecond } = await timeCompletions(model, read, options);
    return {
      hybridRatio: stateHeads / model.info.heads,
      stateBytes: read.stateBytes,
      kvBytes: Math.round(read.kvBytes * grown),
      readTokensPerSecond: (1000 * context.length) / readMs,
      decodeTokensPerSecond,
      completionMs,
      bitsPerByte: await scoreSample(model, read, recall, options),
    };
  } finally {
    read.dispose();
  }
}

async function timeCompletions(model: Model, read: State, { sample, signal }: RatioOptions) {
  const times: number[] = [];
  const speeds: number[] = [];
  for (let i = 0; i < COMPLETIONS; i++) {
    throwIfCancelled(signal);
    const typed = sample.context.slice(i * TYPED_TOKENS, (i + 1) * TYPED_TOKENS);
    const begunMs = performance.now();
    const [state] = await model.advance(read, typed, { priority: "background", signal });
    if (!state) throw new Error("The engine gave no state for a keystroke.");
    const advancedMs = performance.now();
    const answer = await model
      .generate(state, {
        ...{ priority: "background", signal, maxTokens: ANSWER_TOKENS, stopTokens: new Int32Array(0) },
        ...{ temperature: 0, topP: 1, seed: 1 },
      })
      .finally(() => state.dispose());
    const endMs = performance.now();
    answer.state.dispose();
    times.push(endMs - begunMs);
    speeds.push((1000 * answer.tokens.length) / (endMs - advancedMs));
  }
  return { completionMs: median(times), decodeTokensPerSecond: median(speeds) };
}

async function scoreSample(
  model: Model,
  read: State,
  recall: Recall,
  options: RatioOptions,
): Promise<number> {
  let bits = 0;
  let bytes = 0;
  for (const file of options.sample.files) {
    bits += await bitsOf(model, read, recall, file, options.signal);
    bytes += file.bytes;
  }
  return bits / bytes;
}

/** The header that names the file is read and not counted. */
async function bitsOf(
  model: Model,
  read: State,
  memory: Recall,
  { header, tokens }: SampleFile,
  signal: AbortSignal,
): Promise<number> {
  const job = { priority: "background", signal } as const;
  const [named] = await model.advance(read, header, job);
  if (!named) throw new Error("The engine gave no state for a file of the sample.");
  const { logProbs, state } = await model
    .score(named, tokens, { ...job, recall: { memory, context: header } })
    .finally(() => named.dispose());
  state.dispose();
  return -logProbs.reduce((sum, logProb) => sum + logProb, 0) / Math.LN2;
}
