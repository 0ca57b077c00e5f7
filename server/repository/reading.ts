/** Reads tokens into a state in the background: tokenising and advancing overlap, and every batch reports. */
import { createHash } from "node:crypto";
import type { Model, State } from "../engine/engine.ts";
import { throwIfCancelled } from "../engine/engine.ts";
import type { FilePolicy } from "./filePolicy.ts";

/** Some chunks of the engine's prefill: the step between two reports. */
const BATCH_TOKENS = 2048;

export interface ReadSoFar {
  /** Owned by the reader until the reading ends; a listener that keeps it says so by returning true. */
  readonly state: State;
  readonly tokens: number;
  readonly streamHash: string;
}

export interface ReadingOptions {
  readonly signal: AbortSignal;
  readonly streamHash: string;
  /** After each batch; returning true keeps the state, which is then the listener's to dispose of. */
  readonly onBatch: (soFar: ReadSoFar) => boolean;
}

export interface ReadSettings {
  /** What may be read. */
  readonly policy: FilePolicy;
  readonly stateHeads: number;
  readonly attentionWindow: number;
}

/** Advances `start` (not disposed of) over all tokens of the stream; at most `budgetTokens` of them. */
export async function readInto(
  model: Model,
  start: State,
  stream: AsyncIterable<readonly number[]>,
  budgetTokens: number,
  options: ReadingOptions,
): Promise<ReadSoFar> {
  let last: ReadSoFar = { state: start, tokens: 0, streamHash: options.streamHash };
  let kept = true;
  let running: Promise<ReadSoFar> | undefined;
  const finishRunning = async () => {
    if (!running) return;
    const next = await running;
    running = undefined;
    if (!kept) last.state.dispose();
    last = next;
    kept = options.onBatch(last);
  };
  try {
    for await (const batch of inBatches(stream, budgetTokens)) {
      await finishRunning();
      throwIfCancelled(options.signal);
      running = advanceBatch(model, last, batch, options.signal);
      // It is awaited in the next turn; until then a rejection has a handler.
      running.catch(() => undefined);
    }
    await finishRunning();
    return last;
  } catch (cause) {
    await running?.then((unused) => unused.state.dispose()).catch(() => undefined);
    if (!kept) last.state.dispose();
    throw cause;
  }
}

async function advanceBatch(
  model: Model,
  last: ReadSoFar,
  batch: Int32Array,
  signal: AbortSignal,
): Promise<ReadSoFar> {
  const [state] = await model.advance(last.state, batch, { priority: "background", signal });
  if (!state) throw new Error("The engine gave no state for a batch of the repository.");
  return { state, tokens: last.tokens + batch.length, streamHash: chainHash(last.streamHash, batch) };
}

async function* inBatches(
  stream: AsyncIterable<readonly number[]>,
  budget: number,
): AsyncGenerator<Int32Array> {
  let pending: number[] = [];
  let left = budget;
  for await (const tokens of stream) {
    for (const token of tokens) pending.push(token);
    while (pending.length >= BATCH_TOKENS && left > 0) {
      const batch = pending.slice(0, Math.min(BATCH_TOKENS, left));
      pending = pending.slice(BATCH_TOKENS);
      left -= batch.length;
      yield Int32Array.from(batch);
    }
    if (left <= 0) return;
  }
  if (pending.length > 0) yield Int32Array.from(pending.slice(0, left));
}

/** Names a stream of tokens by everything that was read, in order. */
function chainHash(before: string, tokens: Int32Array): string {
  return createHash("sha256").update(before).update(tokens).digest("hex");
}
