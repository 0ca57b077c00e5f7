/** How much is read: all files into the index, the few that matter here into the state. */
import type { State } from "../engine/engine.ts";
import type { ReadSettings } from "./reading.ts";
import { BYTES_PER_TOKEN, type WorkspaceFile } from "./sources.ts";

/** Of the files that the index holds. */
export const BUDGET_TOKENS = 1_000_000;
/** Four files or more. What was read before them changes nothing (model/EXPERIMENTS.md). */
export const STATE_TOKENS = 8192;
/** So many new ones are appended to the state at any time. */
const FEW_TOKENS = 8192;

/** Of the reading that a state begins with; attention finds as many as it looks back on. */
export function stateTokens({ attentionWindow }: ReadSettings): number {
  return Math.max(STATE_TOKENS, attentionWindow);
}

/** Whether a state has read so much after its beginning that little is left of that: it is read anew. */
export function isWorn(state: State, settings: ReadSettings): boolean {
  return state.tokenCount > 2 * stateTokens(settings);
}

export function areFew(files: readonly WorkspaceFile[]): boolean {
  return tokensIn(files) <= FEW_TOKENS;
}

/** By their sizes. */
function tokensIn(files: readonly WorkspaceFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes / BYTES_PER_TOKEN, 0);
}
