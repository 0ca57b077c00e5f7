/** The counts as text: one line a day and language, for a person to read too. What is not as it was written counts as absent. */
import { type DayCounts, STEPS_MS } from "../../protocol/counts.ts";

/** A year, and a month to compare with. */
const MOST_DAYS = 400;
/** Some ten languages a day, far more than are written in one. */
const MOST_LINES = 4000;
/** `MOST_LINES` whose histograms have an entry for each step. */
export const MOST_BYTES = 8 * 2 ** 20;

const ABOUT =
  "What became of Stateline's completions on this machine, by day and language. Nothing of it leaves the machine; " +
  "this file may be deleted at any time.";
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** Language ids come from editors, which may send anything. */
const LANGUAGE = /^[\w+#.-]{1,40}$/;
const NUMBERS = [
  ...(["shown", "accepted", "typed", "refused", "ignored"] as const),
  ...(["whole", "words", "lines", "characters"] as const),
];
const HISTOGRAMS = ["waitedMs", "pausesMs"] as const;
const STEPS = new Set(STEPS_MS.map(String));

export function languageIn(languageId: string): string {
  return LANGUAGE.test(languageId) ? languageId : "other";
}

/** The latest days only. */
export function textOf(days: readonly DayCounts[]): string {
  const sorted = days.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const oldest = [...new Set(sorted.map(({ day }) => day))].at(-MOST_DAYS) ?? "";
  const kept = sorted.filter(({ day }) => day >= oldest).slice(-MOST_LINES);
  const lines = kept.map((one) => `  ${JSON.stringify(one)}`).join(",\n");
  return `{"version": 1, "about": ${JSON.stringify(ABOUT)}, "days": [\n${lines}\n]}\n`;
}

export function keyOf({ day, language }: Pick<DayCounts, "day" | "language">): string {
  return `${day} ${language}`;
}

/** Throws an Error with the reason when the text is not what `textOf` writes. */
export function daysIn(text: string): DayCounts[] {
  const value: unknown = JSON.parse(text);
  const days = isRecord(value) && value.version === 1 ? value.days : undefined;
  if (!Array.isArray(days) || days.length > MOST_LINES || !days.every(isDayCounts))
    throw new Error("it is not what Stateline writes");
  if (new Set(days.map(keyOf)).size < days.length) throw new Error("it has a day twice");
  return days;
}

function isDayCounts(value: unknown): value is DayCounts {
  if (!isRecord(value)) return false;
  const { day, language } = value;
  if (typeof day !== "string" || !DAY.test(day)) return false;
  if (typeof language !== "string" || !LANGUAGE.test(language)) return false;
  return (
    NUMBERS.every((name) => isCount(value[name])) && HISTOGRAMS.every((name) => isHistogram(value[name]))
  );
}

function isHistogram(value: unknown): boolean {
  return isRecord(value) && Object.entries(value).every(([step, times]) => STEPS.has(step) && isCount(times));
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MOST_COUNT;
}

/** So that sums of them are exact. */
const MOST_COUNT = 1e9;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
