/** What became of completions, counted on this machine: the figures, their sums, and what follows from them. */
import type { Notification, Request } from "./message.ts";

/** What is in the file, with what was counted until now. */
export const COUNTS_REQUEST = { method: "stateline/counts" } as Request<null, CompletionCounts>;
/** Brings the file up to date, which is done from time to time by itself. */
export const SAVE_COUNTS_REQUEST = { method: "stateline/saveCounts" } as Request<null, null>;
/** Deletes the file; what was counted so far is gone. */
export const DELETE_COUNTS_REQUEST = { method: "stateline/deleteCounts" } as Request<null, null>;
/** From the server, whenever something was counted, at most a few times a second; null: counting is off. */
export const COUNTS_CHANGED_NOTIFICATION = { method: "stateline/countsChanged" } as Notification<{
  readonly session: SessionCounts | null;
}>;

/** In the folder that the client names. */
export const COUNTS_FILE = "completions.json";

/** Since the server started; the names are those of `Counts`. */
export type SessionCounts = Pick<Counts, "shown" | "accepted" | "characters">;

/** How many lie between a step of `STEPS_MS`, which is the key, and the next. */
export type Histogram = Readonly<Record<string, number>>;

/** Each text that is shown comes to one of these ends; the last one shown has none yet. */
export const OUTCOMES = ["accepted", "typed", "refused", "ignored"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Counts {
  /** Texts: one counts once, however far it is typed along. */
  readonly shown: number;
  /** Of those, wholly or in pieces. */
  readonly accepted: number;
  /** Written to their end by hand. */
  readonly typed: number;
  /** Something else was written or deleted where they stood. */
  readonly refused: number;
  /** The cursor went elsewhere, or another text came in their place. */
  readonly ignored: number;
  /** Keys that took all, a word, a line. */
  readonly whole: number;
  readonly words: number;
  readonly lines: number;
  /** Taken, without the indentation of further lines, which an editor writes by itself. */
  readonly characters: number;
  /** From the request for a text until it was there. */
  readonly waitedMs: Histogram;
  /** Between keys, where a person types without a stop. */
  readonly pausesMs: Histogram;
}

export interface DayCounts extends Counts {
  /** As the person's calendar says: "2026-01-31". */
  readonly day: string;
  readonly language: string;
}

export interface CompletionCounts {
  readonly isCounting: boolean;
  /** The oldest day first. */
  readonly days: readonly DayCounts[];
}

export const NO_COUNTS: Counts = {
  ...{ shown: 0, accepted: 0, typed: 0, refused: 0, ignored: 0 },
  ...{ whole: 0, words: 0, lines: 0, characters: 0 },
  ...{ waitedMs: {}, pausesMs: {} },
};

/** Each a fifth longer than the one before, up to a minute: a quantile is as exact as that. */
export const STEPS_MS: readonly number[] = [
  ...new Set(Array.from({ length: 65 }, (_, i) => Math.round(2 ** (i / 4)))),
];

export function stepOf(ms: number): number {
  return STEPS_MS.findLast((step) => step <= ms) ?? 1;
}

export function sumOfCounts(all: readonly Counts[]): Counts {
  const sum = (of: (counts: Counts) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    shown: sum(({ shown }) => shown),
    accepted: sum(({ accepted }) => accepted),
    typed: sum(({ typed }) => typed),
    refused: sum(({ refused }) => refused),
    ignored: sum(({ ignored }) => ignored),
    whole: sum(({ whole }) => whole),
    words: sum(({ words }) => words),
    lines: sum(({ lines }) => lines),
    characters: sum(({ characters }) => characters),
    waitedMs: sumOfHistograms(all.map(({ waitedMs }) => waitedMs)),
    pausesMs: sumOfHistograms(all.map(({ pausesMs }) => pausesMs)),
  };
}

function sumOfHistograms(all: readonly Histogram[]): Histogram {
  const sum = new Map<string, number>();
  for (const histogram of all)
    for (const [step, times] of Object.entries(histogram)) sum.set(step, (sum.get(step) ?? 0) + times);
  return Object.fromEntries(sum);
}

/** Taking a text, a word or a line costs one key. */
export function keysSaved({ characters, whole, words, lines }: Counts): number {
  return characters - whole - words - lines;
}

export function acceptedShare({ accepted, shown }: Counts): number {
  return shown > 0 ? Math.min(1, accepted / shown) : 0;
}

/** In the middle of its step; undefined where nothing was counted. */
export function quantileMs(histogram: Histogram, share: number): number | undefined {
  const total = timesIn(histogram);
  let left = share * total;
  for (const [i, step] of STEPS_MS.entries()) {
    const times = histogram[step] ?? 0;
    left -= times;
    if (times > 0 && left <= 0) return (step + (STEPS_MS[i + 1] ?? step)) / 2;
  }
  return undefined;
}

/** As many pauses as tell how fast a person types. */
const ENOUGH_PAUSES = 200;
/** 60 words of 5 letters a minute, until that is known. */
const USUAL_PAUSE_MS = 200;

/** What a key takes the person: the median pause between keys, once enough of them were measured. */
export function msPerKey({ pausesMs }: Counts): { readonly ms: number; readonly isMeasured: boolean } {
  const median = timesIn(pausesMs) >= ENOUGH_PAUSES ? quantileMs(pausesMs, 0.5) : undefined;
  return { ms: median ?? USUAL_PAUSE_MS, isMeasured: median !== undefined };
}

function timesIn(histogram: Histogram): number {
  return Object.values(histogram).reduce((sum, times) => sum + times, 0);
}
