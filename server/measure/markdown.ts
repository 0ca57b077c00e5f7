/** A run of the benchmark as a page for a person. */
import type { BenchmarkPoint, BenchmarkRun, BenchmarkSeries, Mode } from "../../protocol/benchmark.ts";
import {
  bytes,
  count,
  milliseconds,
  modeName,
  stopSentence,
  threadCount,
  tokensShort,
} from "../../protocol/words.ts";

export function benchmarkPage(run: BenchmarkRun): string {
  const { machine } = run;
  const cores = `${machine.physicalCores ?? machine.logicalCores} cores`;
  return [
    "# State against attention",
    `Measured ${run.date.slice(0, 16).replace("T", " ")} UTC in ${count(run.seconds)} s on ${machine.cpu} (${cores}, ` +
      `${machine.memoryGiB} GiB), ${machine.system}, Node ${machine.node}, load before ${machine.loadBefore ?? "unknown"}.`,
    benchmarkTables(run),
  ].join("\n\n");
}

/** Without the heading and the machine, for a page that has them. */
export function benchmarkTables(run: BenchmarkRun): string {
  const { model } = run;
  const device = model.gpu ?? `${model.cpuLevel}, ${threadCount(model.threads)}`;
  const notes = run.series.flatMap((one) => (one.stopped ? [`- ${stopSentence(one, one.stopped)}`] : []));
  return [
    `${model.name}, ${(model.parameters / 1e6).toFixed(1)} M parameters, ${model.quantization}, ${device}. ` +
      `Same engine, same weights; prefill is from nothing to the context, then ${run.decodeTokens} tokens are decoded.`,
    table(
      [
        "context",
        "mode",
        "prefill tokens/s",
        "decode tokens/s",
        "prefill + decode",
        "state",
        "attention cache",
      ],
      contextsOf(run).flatMap((context) => run.series.flatMap((series) => rowOf(series, context))),
    ),
    ratioTable(run),
    notes.join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function contextsOf({ series }: BenchmarkRun): number[] {
  const all = series.flatMap(({ points }) => points.map(({ contextTokens }) => contextTokens));
  return [...new Set(all)].sort((a, b) => a - b);
}

function pointAt(series: BenchmarkSeries | undefined, context: number): BenchmarkPoint | undefined {
  return series?.points.find(({ contextTokens }) => contextTokens === context);
}

function rowOf(series: BenchmarkSeries, context: number): string[][] {
  const point = pointAt(series, context);
  if (!point) return [];
  return [
    [
      tokensShort(context),
      modeName(series),
      count(point.prefillTokensPerSecond),
      count(point.decodeTokensPerSecond),
      milliseconds(point.wallMs),
      bytes(point.stateBytes),
      bytes(point.kvBytes),
    ],
  ];
}

/** How many times attention costs what the state costs. */
function ratioTable(run: BenchmarkRun): string {
  const of = (mode: Mode) => run.series.find((series) => series.mode === mode);
  const rows = contextsOf(run).flatMap((context) => {
    const state = pointAt(of("state"), context);
    const attention = pointAt(of("attention"), context);
    if (!state || !attention) return [];
    const times = (a: number, b: number) => `${(a / b).toFixed(1)}×`;
    return [
      [
        tokensShort(context),
        times(attention.prefillMs, state.prefillMs),
        times(state.decodeTokensPerSecond, attention.decodeTokensPerSecond),
        times(attention.wallMs, state.wallMs),
        times(attention.stateBytes + attention.kvBytes, state.stateBytes + state.kvBytes),
      ],
    ];
  });
  if (rows.length === 0) return "";
  const head = ["context", "prefill", "decode", "prefill + decode", "memory"];
  return `What attention costs, in multiples of what the state costs:\n\n${table(head, rows)}`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = line(head.map((_, column) => (column === 0 ? "---" : "---:")));
  return [line(head), rule, ...rows.map(line)].join("\n");
}
