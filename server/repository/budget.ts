/** How much is read: all files into the index, the few that matter here into the state. */
import type { SlowReading } from "../../protocol/messages.ts";
import type { Model } from "../engine/engine.ts";
import type { ReadSettings } from "./reading.ts";
import { BYTES_PER_TOKEN, type WorkspaceFile } from "./sources.ts";

/** Of the files that the index holds. */
export const BUDGET_TOKENS = 1_000_000;
/** Four files or more. What was read before them changes nothing (model/EXPERIMENTS.md). */
export const STATE_TOKENS = 8192;
/** Of a slow model: reading the state takes no longer. */
const STATE_SECONDS = 5;
/** A slower model still reads a file's beginning. */
const LEAST_STATE_TOKENS = 128;
/** So many new ones are appended to the state at any time, where they fit. */
const FEW_TOKENS = 8192;

type Reading = Pick<Model, "info" | "tokensPerSecond">;

/** Of the reading that a state begins with; heads that were made to attend find as many as they look back on. */
export function stateTokens({ info, tokensPerSecond }: Reading, { attentionWindow }: ReadSettings): number {
  const wanted = info.heads > 0 ? Math.max(STATE_TOKENS, attentionWindow) : STATE_TOKENS;
  return Math.min(wanted, affordableTokens(tokensPerSecond));
}

/** Where the model's speed says how much that is; the time is rounded. */
export function slowReading({ tokensPerSecond }: Pick<Model, "tokensPerSecond">): SlowReading | undefined {
  const tokens = affordableTokens(tokensPerSecond);
  return tokens < STATE_TOKENS ? { tokens, seconds: Math.round(tokens / tokensPerSecond) } : undefined;
}

function affordableTokens(tokensPerSecond: number): number {
  return Math.max(LEAST_STATE_TOKENS, Math.round(STATE_SECONDS * tokensPerSecond));
}

/** Whether a state has read so much after its beginning that little is left of that: it is read anew. */
export function isWorn(tokensRead: number, beginningTokens: number): boolean {
  return tokensRead > 2 * beginningTokens;
}

export function areFew(files: readonly WorkspaceFile[], beginningTokens: number): boolean {
  return tokensIn(files) <= Math.min(FEW_TOKENS, beginningTokens);
}

/** By their sizes. */
function tokensIn(files: readonly WorkspaceFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes / BYTES_PER_TOKEN, 0);
}
