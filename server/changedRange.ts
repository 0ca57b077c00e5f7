/** Where two texts differ, as one range of each: what stands before it and behind it is the same in both. */

/** Compared at once: a comparison of strings is much faster than one of their characters. */
const BLOCK = 4096;

export interface ChangedRange {
  readonly start: number;
  /** In the text before. */
  readonly end: number;
  /** In the text now. */
  readonly endNow: number;
}

/** UTF-16 offsets; an empty range of both where the texts are the same. */
export function changedRange(before: string, now: string): ChangedRange {
  const shorter = Math.min(before.length, now.length);
  let start = 0;
  while (start + BLOCK <= shorter && before.slice(start, start + BLOCK) === now.slice(start, start + BLOCK))
    start += BLOCK;
  while (start < shorter && before.charCodeAt(start) === now.charCodeAt(start)) start++;
  const most = shorter - start;
  let same = 0;
  while (same + BLOCK <= most && blockFromEnd(before, same) === blockFromEnd(now, same)) same += BLOCK;
  while (same < most && codeFromEnd(before, same) === codeFromEnd(now, same)) same++;
  return { start, end: before.length - same, endNow: now.length - same };
}

function blockFromEnd(text: string, same: number): string {
  return text.slice(text.length - same - BLOCK, text.length - same);
}

function codeFromEnd(text: string, same: number): number {
  return text.charCodeAt(text.length - 1 - same);
}
