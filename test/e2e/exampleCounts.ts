// Made-up counts of some weeks, the same each time, for pictures of the dashboard.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DayCounts, NO_COUNTS, stepOf } from "../../protocol/counts.ts";
import { textOf } from "../../server/counting/countsFile.ts";

const DAY_MS = 86_400_000;
const WEEKS = 5;
/** Texts on an ordinary day. */
const LANGUAGES = { typescript: 140, python: 90, cpp: 50, markdown: 15 } as const;

/** As servers would have left them in the storage of this profile. */
export function saveExampleCounts(profile: string): void {
  const folder = join(profile, "data/User/globalStorage/stateline.stateline/counts");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "completions.json"), textOf(exampleDays()));
}

function exampleDays(): DayCounts[] {
  const now = new Date();
  const today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  const dates = Array.from({ length: 7 * WEEKS }, (_, i) => new Date(today - i * DAY_MS));
  const random = randomNumbers(7);
  return dates.flatMap((date) => {
    const share = [0, 6].includes(date.getUTCDay()) ? 0.1 : 0.6 + 0.8 * random();
    return Object.entries(LANGUAGES)
      .map(([language, texts]) => exampleDay(date, language, Math.round(texts * share), random))
      .filter(({ shown }) => shown > 0);
  });
}

function exampleDay(date: Date, language: string, shown: number, random: () => number): DayCounts {
  const accepted = Math.round(shown * (0.5 + 0.2 * random()));
  const typed = Math.round((shown - accepted) * 0.15);
  const refused = Math.round((shown - accepted) * 0.5);
  const words = Math.round(accepted * 0.4);
  return {
    ...NO_COUNTS,
    ...{ day: date.toISOString().slice(0, 10), language, shown, accepted, typed, refused },
    ignored: shown - accepted - typed - refused,
    ...{ whole: accepted - Math.round(words / 3), words, lines: Math.round(accepted * 0.05) },
    characters: Math.round(accepted * (9 + 4 * random())),
    waitedMs: histogram(shown, () => 20 + 200 * random() ** 3),
    pausesMs: histogram(5 * shown, () => 90 + 250 * random() ** 2),
  };
}

function histogram(times: number, value: () => number): Record<string, number> {
  const steps: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const step = stepOf(value());
    steps[step] = (steps[step] ?? 0) + 1;
  }
  return steps;
}

/** Between 0 and 1, by Park and Miller's generator. */
function randomNumbers(seed: number): () => number {
  let value = seed;
  return () => {
    value = (value * 48271) % 2147483647;
    return value / 2147483647;
  };
}
