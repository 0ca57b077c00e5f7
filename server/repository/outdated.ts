/** How much of a state is what no file says any more, and when that is too much. */
import type { KnownFiles } from "./comparison.ts";
import { BYTES_PER_TOKEN, type WorkspaceFile } from "./sources.ts";

/** Of the files; what they said before comes on top of it until everything is read again. */
export const BUDGET_TOKENS = 1_000_000;
const MOST_OUTDATED_SHARE = 0.5;
/** So many outdated ones never matter, and so many new ones are appended at any time. */
export const FEW_TOKENS = 8192;

/**
 * Everything is read again only when, with the changes, the state would hold more than half as many outdated tokens as the
 * files have, or the files more than the budget. `changed` are new or have another text than the known one.
 */
export function isOutdated(
  tokenCount: number,
  known: KnownFiles,
  changed: readonly WorkspaceFile[],
): boolean {
  let current = 0;
  for (const { tokens } of known.values()) current += tokens;
  for (const { path } of changed) current -= known.get(path)?.tokens ?? 0;
  const ofFiles = current + tokensIn(changed);
  const most = Math.max(FEW_TOKENS, ofFiles * MOST_OUTDATED_SHARE);
  return tokenCount - current > most || ofFiles > BUDGET_TOKENS;
}

/** By their sizes. */
export function tokensIn(files: readonly WorkspaceFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes / BYTES_PER_TOKEN, 0);
}
