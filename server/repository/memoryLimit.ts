/** How much memory a state's attention cache may take, whatever the settings of a workspace ask for. */

/** While everything is read again there are two caches: together 2 GiB. */
export const MOST_CACHE_BYTES = 2 ** 30;

export interface StateShape {
  readonly stateHeads: number;
  /** Tokens; 0 = unbounded. */
  readonly attentionWindow: number;
}

/**
 * The window asked for, or the longest one that fits. `bytesPerToken`: of the cache where all `heads` attend; without heads
 * that switch the cache is what it is.
 */
export function affordableWindow(
  { stateHeads, attentionWindow }: StateShape,
  heads: number,
  bytesPerToken: number,
): number {
  const perToken = heads > 0 ? (bytesPerToken * (heads - stateHeads)) / heads : bytesPerToken;
  if (perToken === 0) return attentionWindow;
  const most = Math.max(1, Math.floor(MOST_CACHE_BYTES / perToken));
  return attentionWindow === 0 || attentionWindow > most ? most : attentionWindow;
}

/** For a person; undefined when the window is the one asked for. */
export function sentenceOnWindow(asked: number, affordable: number): string | undefined {
  if (asked === affordable) return undefined;
  const wanted = asked === 0 ? "0, unbounded," : `${asked} tokens`;
  return `The attention window of ${wanted} can need more than ${MOST_CACHE_BYTES / 2 ** 30} GiB of memory at this hybrid ratio; ${affordable} tokens are used (stateline.attentionWindow, stateline.hybridRatio).`;
}
