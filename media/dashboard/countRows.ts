/** What became of completions, as rows and sentences: by day, by language, over the days that are shown. No document here. */
import {
  acceptedShare,
  type Counts,
  type DayCounts,
  keysSaved,
  msPerKey,
  quantileMs,
  sumOfCounts,
} from "../../protocol/counts.ts";
import { count, duration, milliseconds, percent } from "../../protocol/words.ts";

const DAY_MS = 86_400_000;
/** Of the days to look back over; 0 is all. */
export const RANGES = [7, 30, 90, 0] as const;
const MOST_LANGUAGES = 8;

export interface NamedCounts {
  readonly name: string;
  readonly counts: Counts;
}

/** Days are dates of the person's calendar; as times they are in UTC, where each has 24 hours. */
export interface Span {
  readonly first: Date;
  readonly afterLast: Date;
}

/** By the person's own clock. */
export function today(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())).toISOString().slice(0, 10);
}

/** `lookBack` days up to this one; all of them when it is 0. */
export function spanOf(days: readonly DayCounts[], lookBack: number, lastDay: string): Span {
  const afterLast = new Date(timeOf(lastDay).getTime() + DAY_MS);
  const firstMs = afterLast.getTime() - lookBack * DAY_MS;
  const [oldest] = days;
  if (lookBack > 0 || oldest === undefined) return { first: new Date(firstMs), afterLast };
  return { first: timeOf(oldest.day), afterLast };
}

export function daysWithin(days: readonly DayCounts[], { first, afterLast }: Span): readonly DayCounts[] {
  return days.filter(({ day }) => timeOf(day) >= first && timeOf(day) < afterLast);
}

export function timeOf(day: string): Date {
  return new Date(`${day}T00:00:00Z`);
}

/** The oldest first. */
export function byDay(days: readonly DayCounts[]): readonly NamedCounts[] {
  return grouped(days, ({ day }) => day);
}

/** The most shown first; beyond `MOST_LANGUAGES` they are one. */
export function byLanguage(days: readonly DayCounts[]): readonly NamedCounts[] {
  const all = grouped(days, ({ language }) => language).toSorted((a, b) => b.counts.shown - a.counts.shown);
  if (all.length <= MOST_LANGUAGES) return all;
  const others = all.slice(MOST_LANGUAGES - 1);
  const counts = sumOfCounts(others.map((one) => one.counts));
  return [...all.slice(0, MOST_LANGUAGES - 1), { name: `${others.length} others`, counts }];
}

function grouped(days: readonly DayCounts[], nameOf: (one: DayCounts) => string): readonly NamedCounts[] {
  return [...new Set(days.map(nameOf))].map((name) => ({
    name,
    counts: sumOfCounts(days.filter((one) => nameOf(one) === name)),
  }));
}

/** The few figures that are read first: name, value. */
export function tilesOf(all: Counts): readonly (readonly [name: string, value: string])[] {
  const [median, most] = [quantileMs(all.waitedMs, 0.5), quantileMs(all.waitedMs, 0.95)];
  return [
    ["accepted", percent(acceptedShare(all))],
    ["keys saved", count(keysSaved(all))],
    ["time saved", duration(keysSaved(all) * msPerKey(all).ms)],
    ...(median === undefined ? [] : [["waited, median", milliseconds(Math.round(median))] as const]),
    ...(most === undefined ? [] : [["95 % within", milliseconds(Math.round(most))] as const]),
  ];
}

export function sentencesOf(all: Counts): readonly string[] {
  const { shown, accepted, characters, whole, words, lines } = all;
  const taken =
    accepted === 0
      ? ""
      : ` ${capital(times(whole, "key"))} took a whole text, ${count(words)} a word, ${count(lines)} a line: ` +
        `${(characters / accepted).toFixed(1)} characters each.`;
  const { ms, isMeasured } = msPerKey(all);
  const speed = isMeasured
    ? `${milliseconds(Math.round(ms))}, the median pause between your own keys`
    : `${milliseconds(ms)}, until enough pauses between your own keys are measured`;
  return [
    `${count(accepted)} of ${times(shown, "text")} ${accepted === 1 ? "was" : "were"} accepted.${taken}`,
    `Keys saved are the characters taken less those keys; time saved is that many times ${speed}.`,
  ];
}

export function times(number: number, name: string): string {
  return `${count(number)} ${name}${number === 1 ? "" : "s"}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function languageRows(languages: readonly NamedCounts[]): readonly (readonly string[])[] {
  return languages.map(({ name, counts }) => [
    name,
    count(counts.shown),
    percent(acceptedShare(counts)),
    count(keysSaved(counts)),
    counts.accepted > 0 ? (counts.characters / counts.accepted).toFixed(1) : "",
  ]);
}

/** The latest first. */
export function dayRows(days: readonly NamedCounts[]): readonly (readonly string[])[] {
  return days
    .toReversed()
    .map(({ name, counts }) => [
      name,
      count(counts.shown),
      ...[counts.accepted, counts.typed, counts.refused, counts.ignored].map(count),
      count(keysSaved(counts)),
    ]);
}
