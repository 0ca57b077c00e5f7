/** The figures of Long Range Arena as rows of words. No document here, so that a test needs none. */
import type { Mode } from "../../protocol/benchmark.ts";
import {
  ARTICLE_FIGURES,
  type LongRangeModel,
  type LongRangeRow,
  PUBLISHED_FIGURES,
} from "../../protocol/longRange.ts";
import { bytes, count, milliseconds, tokensShort } from "../../protocol/words.ts";
import type { LengthLine, LengthMeasure } from "./lengthChart.ts";

/** Drawn as the modes of a head are. */
const LOOK_OF: Readonly<Record<LongRangeModel, Mode>> = {
  ssm: "state",
  attention: "attention",
  hybrid: "chosen",
};

export interface Cells {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface LongRangeMeasure extends LengthMeasure {
  readonly id: "time" | "memory";
  readonly of: (point: LongRangeRow["points"][number]) => number;
}

export const LONG_RANGE_MEASURES: readonly LongRangeMeasure[] = [
  { id: "time", title: "Time for one sequence", unit: "ms", of: (p) => p.medianMs, say: milliseconds },
  { id: "memory", title: "Memory at its end", unit: "bytes", of: (p) => p.memoryBytes, say: bytes },
];

export function modelName({ model, ssmRatio }: Pick<LongRangeRow, "model" | "ssmRatio">): string {
  if (model === "ssm") return "SSM";
  return model === "attention" ? "attention" : `hybrid, ratio ${ssmRatio}`;
}

export function lookOf({ model }: Pick<LongRangeRow, "model">): Mode {
  return LOOK_OF[model];
}

export function tasksOf(rows: readonly LongRangeRow[]): string[] {
  return [...new Set(rows.map(({ task }) => task))];
}

/** One table a task: what each model answers, and what it costs at each length. */
export function taskCells(rows: readonly LongRangeRow[], task: string): Cells {
  const own = rows.filter((row) => row.task === task);
  const lengths = own[0]?.points.map(({ tokens }) => tokens) ?? [];
  return {
    head: [
      "Model",
      "Right answers",
      "95 % interval",
      "Tokens/s",
      ...lengths.map(tokensShort),
      `Memory at ${tokensShort(lengths.at(-1) ?? 0)}`,
    ],
    rows: own.map((row) => [
      modelName(row),
      `${percent(row.accuracy.share)} of ${count(row.testSequences)}`,
      `${percent(row.accuracy.low)} to ${percent(row.accuracy.high)}`,
      count(row.testTokensPerSecond),
      ...row.points.map((point) => milliseconds(point.medianMs)),
      bytes(row.points.at(-1)?.memoryBytes ?? 0),
    ]),
  };
}

/** How many times as long attention takes as the state-space model, beside what the article says. */
export function fasterCells(rows: readonly LongRangeRow[]): Cells {
  return {
    head: ["Task and length", "SSM faster, here", "in the article"],
    rows: tasksOf(rows).flatMap((task) => {
      const of = (model: LongRangeModel) =>
        rows.find((row) => row.task === task && row.model === model)?.points ?? [];
      const attention = of("attention");
      return of("ssm").flatMap(({ tokens, medianMs }) => {
        const other = attention.find((point) => point.tokens === tokens);
        if (!other) return [];
        const article = ARTICLE_FIGURES.find((figure) => figure.tokens === tokens);
        return [
          [
            `${task}, ${tokensShort(tokens)}`,
            `${(other.medianMs / medianMs).toFixed(1)}×`,
            article ? `${article.timesFaster}×` : "",
          ],
        ];
      });
    }),
  };
}

/** Other data, other sizes of model: to look at beside the figures above, never to be mixed with them. */
export function publishedCells(): Cells {
  const tasks = ["listops", "text", "image", "pathfinder", "pathX"] as const;
  const published = PUBLISHED_FIGURES.map((figures) => [
    figures.model,
    ...tasks.map((task) => {
      const known: Readonly<Partial<Record<(typeof tasks)[number], number>>> = figures;
      return known[task] === undefined ? "failed" : `${known[task].toFixed(1)} %`;
    }),
  ]);
  return { head: ["Published", ...tasks], rows: published };
}

export function articleCells(): Cells {
  return {
    head: ["The article", "SSM", "attention"],
    rows: ARTICLE_FIGURES.map(({ task, tokens, ssm, attention }) => [
      `${task}, ${tokensShort(tokens)}`,
      `${ssm} %`,
      `${attention} %`,
    ]),
  };
}

export function longRangeLines(
  rows: readonly LongRangeRow[],
  task: string,
  measure: LongRangeMeasure,
): LengthLine[] {
  return rows
    .filter((row) => row.task === task)
    .map((row) => ({
      name: modelName(row),
      look: LOOK_OF[row.model],
      points: row.points.map((point) => ({ tokens: point.tokens, value: measure.of(point) })),
    }));
}

/** One row a model, task and length. */
export function longRangeCsv(rows: readonly LongRangeRow[]): (string | number)[][] {
  const head = [
    ...[
      "task",
      "model",
      "ssmRatio",
      "family",
      "parameters",
      "testSequences",
      "correct",
      "accuracy",
      "low",
      "high",
    ],
    ...["testTokensPerSecond", "tokens", "medianMs", "memoryBytes"],
  ];
  return [
    head,
    ...rows.flatMap((row) =>
      row.points.map(({ tokens, medianMs, memoryBytes }) => [
        ...[row.task, row.model, row.ssmRatio, row.family, row.parameters, row.testSequences, row.correct],
        ...[row.accuracy.share.toFixed(4), row.accuracy.low.toFixed(4), row.accuracy.high.toFixed(4)],
        ...[row.testTokensPerSecond.toFixed(1), tokens, medianMs.toFixed(2), memoryBytes],
      ]),
    ),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
