/** Reads tokens into a state in the background, batch by batch. */
import { createHash } from "node:crypto";
import type { Model, State } from "../engine/engine.ts";
import { jobTokens } from "../engine/readingSpeed.ts";
import type { FilePolicy } from "./filePolicy.ts";

/** Some chunks of the engine's prefill: the step between two reports, where the model is fast. */
const BATCH_TOKENS = 2048;

export interface ReadSettings {
  /** What may be read. */
  readonly policy: FilePolicy;
  readonly stateHeads: number;
  readonly attentionWindow: number;
}

/** A state, and the name of all tokens that it has read, in order. */
export interface Stream {
  readonly settings: ReadSettings;
  /** URI of the document for which it began; undefined: for none, or nobody knows. */
  readonly focus: string | undefined;
  readonly state: State;
  readonly hash: string;
}

export interface ReadingOptions {
  readonly model: Model;
  readonly signal: AbortSignal;
  /** After each batch: tokens read so far. */
  readonly onBatch: (tokens: number) => void;
}

/** The stream after these tokens; the one before is not disposed of. Rejects with Cancelled when the signal aborts. */
export async function readInto(
  stream: Stream,
  tokens: Int32Array,
  { model, signal, onBatch }: ReadingOptions,
): Promise<Stream> {
  const { state: start } = stream;
  let { state } = stream;
  try {
    for (let at = 0; at < tokens.length; ) {
      const batch = tokens.subarray(at, at + jobTokens(model.tokensPerSecond, BATCH_TOKENS));
      const [next] = await model.advance(state, batch, { priority: "background", signal });
      if (!next) throw new Error("The engine gave no state for a batch of the repository.");
      if (state !== start) state.dispose();
      state = next;
      at += batch.length;
      onBatch(at);
    }
    return { ...stream, state, hash: chainHash(stream.hash, tokens) };
  } catch (cause) {
    if (state !== start) state.dispose();
    throw cause;
  }
}

function chainHash(before: string, tokens: Int32Array): string {
  return createHash("sha256").update(before).update(tokens).digest("hex");
}
