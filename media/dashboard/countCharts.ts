/// <reference lib="dom" />
/** The charts of what became of completions, day by day. */
import * as Plot from "@observablehq/plot";
import { acceptedShare, keysSaved, OUTCOMES, type Outcome } from "../../protocol/counts.ts";
import { count, percent } from "../../protocol/words.ts";
import { AXES, type Picture, plain, valuesUnderPointer } from "./chartParts.ts";
import { type NamedCounts, type Span, timeOf } from "./countRows.ts";

/** What each end is called, and its colour; from the bottom of a day upwards. */
export const OUTCOME_LOOKS: Readonly<Record<Outcome, { readonly name: string; readonly colour: string }>> = {
  accepted: { name: "accepted", colour: "var(--chosen)" },
  typed: { name: "typed by hand", colour: "var(--state)" },
  refused: { name: "refused", colour: "var(--attention)" },
  ignored: { name: "ignored", colour: "var(--quiet)" },
};

const HALF_DAY_MS = 43_200_000;
/** Between labels, the fewest that leave room for them. */
const TICK_DAYS = [1, 2, 7, 14, 28, 56, 112];
const LABEL_WIDTH = 52;
const HEIGHT = 190;

/** Bars of texts, in the colours of what became of them. */
export function outcomesChart(days: readonly NamedCounts[], span: Span, width: number): Picture {
  const parts = days.flatMap(({ name, counts }) =>
    OUTCOMES.map((outcome) => ({
      ...around(name),
      texts: counts[outcome],
      colour: OUTCOME_LOOKS[outcome].colour,
    })),
  );
  const rows = days.map(({ name, counts }) => ({ ...around(name), counts, value: counts.shown }));
  return dayChart(rows, span, width, {
    label: `Texts a day and what became of them, ${days.length} days`,
    marks: [
      Plot.rectY(parts, { x1: "begin", x2: "end", y: "texts", fill: "colour", insetLeft: 1, insetRight: 1 }),
    ],
    say: ({ day, counts }) => [
      day,
      `${count(counts.shown)} shown, ${percent(acceptedShare(counts))} accepted`,
      ...OUTCOMES.map((outcome) => `${OUTCOME_LOOKS[outcome].name} ${count(counts[outcome])}`),
    ],
  });
}

export function keysChart(days: readonly NamedCounts[], span: Span, width: number): Picture {
  const rows = days.map(({ name, counts }) => ({ ...around(name), value: Math.max(0, keysSaved(counts)) }));
  return dayChart(rows, span, width, {
    label: `Keys saved a day, ${days.length} days`,
    marks: [
      Plot.rectY(rows, {
        ...{ x1: "begin", x2: "end", y: "value", fill: OUTCOME_LOOKS.accepted.colour },
        ...{ insetLeft: 1, insetRight: 1 },
      }),
    ],
    say: ({ day, value }) => [day, `${count(value)} keys saved`],
  });
}

interface DayRow {
  readonly day: string;
  readonly begin: Date;
  readonly middle: Date;
  readonly end: Date;
  readonly value: number;
}

interface DayChart<Row> {
  readonly label: string;
  readonly marks: Plot.Markish[];
  readonly say: (row: Row) => readonly string[];
}

function dayChart<Row extends DayRow>(
  rows: Row[],
  span: Span,
  width: number,
  { label, marks, say }: DayChart<Row>,
): Picture {
  return plain(
    Plot.plot({
      ...AXES,
      ...{ width, height: HEIGHT, ariaLabel: label },
      x: {
        ...{ type: "utc", label: null, domain: [span.first, span.afterLast] },
        ticks: dayTicks(span, width),
        tickFormat: dayAndMonth,
      },
      y: { label: null, ticks: 4, tickFormat: (value: number) => wholeNumber(value), nice: true, zero: true },
      marks: [
        Plot.gridY({ ticks: 4, stroke: "var(--rule)", strokeOpacity: 1 }),
        ...marks,
        Plot.ruleY([0], { stroke: "var(--rule)" }),
        ...valuesUnderPointer(rows, width, { x: "middle", y: "value", say, areBars: true }),
      ],
    }),
  );
}

function around(name: string): Omit<DayRow, "value"> {
  const begin = timeOf(name);
  const at = (ms: number): Date => new Date(begin.getTime() + ms);
  const day = begin.toLocaleDateString(undefined, {
    ...{ timeZone: "UTC", weekday: "short", day: "numeric", month: "short" },
  });
  return { day, begin, middle: at(HALF_DAY_MS), end: at(2 * HALF_DAY_MS) };
}

/** Below the middles of days, the last of them labelled. */
function dayTicks({ first, afterLast }: Span, width: number): Date[] {
  const days = Math.round((afterLast.getTime() - first.getTime()) / (2 * HALF_DAY_MS));
  const most = Math.max(1, Math.floor((width - AXES.marginLeft - AXES.marginRight) / LABEL_WIDTH));
  const step = TICK_DAYS.find((each) => days / each <= most) ?? days;
  return Array.from(
    { length: Math.ceil(days / step) },
    (_, i) => new Date(afterLast.getTime() - HALF_DAY_MS - i * step * 2 * HALF_DAY_MS),
  );
}

function dayAndMonth(date: Date): string {
  return date.toLocaleDateString(undefined, { timeZone: "UTC", day: "numeric", month: "short" });
}

/** Half a text is no label. */
function wholeNumber(value: number): string {
  return Number.isInteger(value) ? count(value) : "";
}
