/** What the dashboard makes of the counts; how it looks is test/e2e/dashboard.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byDay,
  byLanguage,
  dayRows,
  daysWithin,
  languageRows,
  sentencesOf,
  spanOf,
  tilesOf,
} from "../../media/dashboard/countRows.ts";
import { learn, NOTHING_KNOWN } from "../../media/dashboard/model.ts";
import {
  type Counts,
  type DayCounts,
  msPerKey,
  NO_COUNTS,
  quantileMs,
  STEPS_MS,
  stepOf,
  sumOfCounts,
} from "../../protocol/counts.ts";

function counts(some: Partial<Counts>): Counts {
  return { ...NO_COUNTS, ...some };
}

function day(date: string, language: string, some: Partial<Counts> = {}): DayCounts {
  return { ...counts({ shown: 1, ...some }), day: date, language };
}

test("counts that arrive are known, and asked of no other message", () => {
  const message = { kind: "counts", counts: { isCounting: true, days: [] } } as const;
  assert.equal(learn(NOTHING_KNOWN, message).counts, message.counts);
});

const DAYS = [
  day("2026-01-02", "go"),
  day("2026-03-25", "go"),
  day("2026-03-31", "go", { accepted: 1, whole: 1, characters: 5 }),
  day("2026-03-31", "c", { shown: 3, refused: 2 }),
];

for (const { lookBack, first, within } of [
  { lookBack: 7, first: "2026-03-25", within: 3 },
  { lookBack: 6, first: "2026-03-26", within: 2 },
  { lookBack: 90, first: "2026-01-01", within: 4 },
  { lookBack: 0, first: "2026-01-02", within: 4 },
]) {
  test(`looking back ${lookBack || "all"} days begins on ${first}, this day included`, () => {
    const span = spanOf(DAYS, lookBack, "2026-03-31");
    assert.equal(span.first.toISOString(), `${first}T00:00:00.000Z`);
    assert.equal(span.afterLast.toISOString(), "2026-04-01T00:00:00.000Z");
    assert.equal(daysWithin(DAYS, span).length, within);
  });
}

test("figures are by day, the latest first, and by language, the most shown first", () => {
  assert.deepEqual(dayRows(byDay(DAYS)), [
    ["2026-03-31", "4", "1", "0", "2", "0", "4"],
    ["2026-03-25", "1", "0", "0", "0", "0", "0"],
    ["2026-01-02", "1", "0", "0", "0", "0", "0"],
  ]);
  assert.deepEqual(languageRows(byLanguage(DAYS)), [
    ["go", "3", "33 %", "4", "5.0"],
    ["c", "3", "0 %", "0", ""],
  ]);
});

test("of many languages those that are shown least are one row", () => {
  const many = Array.from({ length: 12 }, (_, i) => day("2026-03-31", `l${i}`, { shown: 20 - i }));
  const rows = byLanguage(many);
  assert.equal(rows.length, 8);
  assert.deepEqual(rows.at(-1), { name: "5 others", counts: counts({ shown: 13 + 12 + 11 + 10 + 9 }) });
});

test("keys saved are characters less keys, and time is those keys at the person's own speed", () => {
  const all = counts({
    ...{ shown: 20, accepted: 10, whole: 6, words: 8, lines: 1, characters: 105 },
    waitedMs: { 38: 18, 304: 2 },
    pausesMs: { 128: 150, 152: 100 },
  });
  assert.deepEqual(tilesOf(all), [
    ["accepted", "50 %"],
    ["keys saved", "90"],
    ["time saved", "13 s"],
    ["waited, median", "42 ms"],
    ["95 % within", "333 ms"],
  ]);
  assert.deepEqual(sentencesOf(all), [
    "10 of 20 texts were accepted. 6 keys took a whole text, 8 a word, 1 a line: 10.5 characters each.",
    "Keys saved are the characters taken less those keys; time saved is that many times 140 ms, the median pause between your own keys.",
  ]);
});

test("until enough pauses are measured a usual one is taken, and said to be", () => {
  const all = counts({ shown: 1, accepted: 1, whole: 1, characters: 11, pausesMs: { 54: 199 } });
  assert.deepEqual(msPerKey(all), { ms: 200, isMeasured: false });
  assert.deepEqual(
    tilesOf(all)
      .slice(0, 3)
      .map(([, value]) => value),
    ["100 %", "10", "2 s"],
  );
  assert.match(sentencesOf(all)[0] ?? "", /^1 of 1 text was accepted\. 1 key took a whole text, 0 a word/);
  assert.match(
    sentencesOf(all)[1] ?? "",
    /200 ms, until enough pauses between your own keys are measured\.$/,
  );
  assert.deepEqual(sentencesOf(counts({ shown: 2 }))[0], "0 of 2 texts were accepted.");
});

test("times go into steps that are a fifth apart, and quantiles come out of them", () => {
  for (const ms of [0, 1, 7.9, 38, 44.9, 1000, 65_536, 1e9]) {
    const step = stepOf(ms);
    assert.ok(STEPS_MS.includes(step) && (step <= ms || step === 1), `${ms} in ${step}`);
  }
  const exact = Array.from({ length: 1000 }, (_, i) => 20 + i);
  const sum = sumOfCounts(exact.map((ms) => counts({ waitedMs: { [stepOf(ms)]: 1 } })));
  for (const [share, ms] of [
    [0.5, 520],
    [0.95, 970],
  ] as const) {
    const found = quantileMs(sum.waitedMs, share) ?? 0;
    assert.ok(Math.abs(found / ms - 1) < 0.12, `${found} for ${ms}`);
  }
  assert.equal(quantileMs({}, 0.5), undefined);
});
