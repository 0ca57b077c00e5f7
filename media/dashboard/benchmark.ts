/// <reference lib="dom" />
/** State against attention: the charts of a run or of two, their figures, and how to take them along. */
import type { BenchmarkRun, BenchmarkSeries } from "../../protocol/benchmark.ts";
import type { FromPage } from "../../protocol/dashboard.ts";
import { count, modeName, stopSentence, threadCount, tokensShort } from "../../protocol/words.ts";
import { benchmarkChart, MEASURES } from "./benchmarkChart.ts";
import { LOOKS } from "./chartParts.ts";
import {
  type ComparedSeries,
  compareSeries,
  comparisonSentences,
  type ShownRun,
  times,
} from "./comparison.ts";
import { element, section, show, table } from "./dom.ts";
import { exportButtons, saveButton } from "./exportButtons.ts";
import { csvOf, type LegendLine, svgOf } from "./exports.ts";
import { chartGrid, Frame, picturesOf } from "./frame.ts";
import { MeasurementControls } from "./measurementControls.ts";
import { type Knowledge, runsShown } from "./model.ts";
import { type Choices, RunChoice } from "./runChoice.ts";

export class Benchmark {
  readonly element: HTMLElement;
  readonly #post: (message: FromPage) => void;
  readonly #controls: MeasurementControls;
  readonly #empty = element(
    "p",
    { class: "note" },
    "Not measured on this machine yet. It takes two or three minutes, and completions go on working meanwhile.",
  );
  readonly #choice: RunChoice;
  readonly #machines = element("div");
  readonly #legend = element("div");
  readonly #frames = MEASURES.map((measure) => ({ measure, frame: new Frame(`benchmark-${measure.id}`) }));
  readonly #charts: HTMLElement;
  readonly #comparison = element("ul", { id: "comparison", role: "status" });
  readonly #stops = element("ul", { id: "stops", class: "note" });
  readonly #figures = element("div");
  readonly #details = element("details", {}, element("summary", {}, "Figures"), this.#figures);
  readonly #exports: HTMLElement;
  #runs: readonly ShownRun[] = [];
  #drawn = "";

  constructor(post: (message: FromPage) => void, choices: Choices) {
    this.#post = post;
    this.#controls = new MeasurementControls("benchmark", "Measure Against Attention", post);
    this.#choice = new RunChoice(post, choices);
    this.#charts = chartGrid(this.#frames);
    this.#exports = exportButtons(
      post,
      {
        what: "the charts",
        name: "stateline-benchmark",
        svg: () => this.#svg(),
        csv: () => csvOf(this.#runs),
      },
      saveButton("JSON", "the run that is shown", () => this.#saveJson()),
    );
    this.element = section(
      "benchmark",
      "State against attention",
      element(
        "p",
        { class: "note" },
        "The same weights, with all heads as state, with all heads as attention, and as the settings have it.",
      ),
      this.#controls.element,
      this.#empty,
      this.#choice.element,
      this.#legend,
      this.#comparison,
      this.#charts,
      this.#stops,
      this.#machines,
      this.#details,
      this.#exports,
    );
  }

  draw(known: Knowledge): void {
    this.#controls.draw(known);
    this.#choice.draw(known);
    const isRunning = known.running.benchmark !== undefined;
    this.#runs = runsShown(known);
    const hasPoints = this.#runs.length > 0;
    show(this.#empty, known.runs !== undefined && !hasPoints && !isRunning);
    for (const part of [this.#charts, this.#legend]) show(part, hasPoints);
    show(this.#comparison, this.#runs.length > 1);
    for (const part of [this.#details, this.#exports, this.#stops, this.#machines, this.#choice.element])
      show(part, hasPoints && !isRunning);
    if (hasPoints) this.#drawRuns();
  }

  #drawRuns(): void {
    const runs = this.#runs;
    const key = JSON.stringify(runs);
    for (const { measure, frame } of this.#frames) {
      frame.draw(key, true, (width) => benchmarkChart(runs, measure, width));
    }
    if (key === this.#drawn) return;
    this.#drawn = key;
    const [a, b] = runs;
    this.#legend.replaceChildren(...runs.map((run) => legendOf(run, b !== undefined)));
    this.#comparison.replaceChildren(
      ...(a && b ? comparisonSentences(a, b).map((sentence) => element("li", {}, sentence)) : []),
    );
    this.#stops.replaceChildren(...runs.flatMap(stopsOf).map((sentence) => element("li", {}, sentence)));
    this.#machines.replaceChildren(
      ...runs.flatMap(({ letter, run }) =>
        run ? [element("p", { class: "note" }, prefix(letter, runs) + machineSentence(run))] : [],
      ),
    );
    this.#figures.replaceChildren(
      ...(a && b ? compareSeries(a, b).map(comparedTable) : []),
      ...runs.flatMap(({ letter, series }) =>
        series.map((one) => seriesTable(prefix(letter, runs) + modeName(one), one)),
      ),
    );
  }

  #svg(): SVGSVGElement {
    return svgOf(
      this.#runs.flatMap((run) => legendLines(run, this.#runs.length > 1)),
      picturesOf(this.#frames),
    );
  }

  /** What another machine's dashboard takes in. */
  #saveJson(): void {
    const run = this.#runs[0]?.run;
    if (!run) return;
    const text = `${JSON.stringify(run, null, 1)}\n`;
    const name = `stateline-benchmark-${run.date.slice(0, 19).replaceAll(":", "-")}`;
    this.#post({ kind: "export", file: { name, type: "json", text } });
  }
}

/** Of one run alone no letter is needed. */
function prefix(letter: string, runs: readonly ShownRun[]): string {
  return runs.length > 1 ? `${letter}: ` : "";
}

function legendOf({ letter, name, series }: ShownRun, isComparison: boolean): HTMLElement {
  const keys = series.map((one) => element("span", { class: `key ${one.mode} ${letter}` }, modeName(one)));
  const which = element("span", { class: `which ${letter}` }, `${letter} · ${name}`);
  return element("p", { class: "legend" }, ...(isComparison ? [which] : []), ...keys);
}

/** The same for a file, where the run is named even when it is alone. */
function legendLines({ letter, name, series }: ShownRun, isComparison: boolean): LegendLine[] {
  const lines = letter === "A" ? "full lines" : "broken lines";
  return [
    { text: isComparison ? `${letter}, ${lines}: ${name}` : name },
    ...series.map((one) => ({
      text: `${LOOKS[one.mode].characters[letter]} ${modeName(one)}`,
      colour: LOOKS[one.mode].colour,
    })),
  ];
}

function stopsOf({ letter, series }: ShownRun, _: number, runs: readonly ShownRun[]): string[] {
  return series.flatMap((one) =>
    one.stopped ? [prefix(letter, runs) + stopSentence(one, one.stopped)] : [],
  );
}

function seriesTable(caption: string, series: BenchmarkSeries): HTMLElement {
  const [memory, ...others] = MEASURES;
  const columns = [...others, ...(memory ? [memory] : [])];
  return table(
    caption,
    ["Context", ...columns.map(({ title }) => title)],
    series.points.map((point) => [
      tokensShort(point.contextTokens),
      ...columns.map(({ of, say }) => say(of(point))),
    ]),
  );
}

function comparedTable({ name, multiples }: ComparedSeries): HTMLElement {
  return table(
    `B in multiples of A: ${name}`,
    ["Context", "Time to read and answer", "Reading speed", "Writing speed", "Memory of the context"],
    multiples.map(({ contextTokens, ...one }) => [
      tokensShort(contextTokens),
      ...[one.wall, one.prefill, one.decode, one.memory].map(times),
    ]),
  );
}

function machineSentence({ machine, model, decodeTokens, seconds }: BenchmarkRun): string {
  return (
    `${machine.cpu}, ${machine.physicalCores ?? machine.logicalCores} cores, ${machine.memoryGiB} GiB; ` +
    `${model.name}, ${(model.parameters / 1e6).toFixed(1)} M parameters, ${model.quantization}, ` +
    `${threadCount(model.threads)}. Time to read and answer has ${decodeTokens} tokens written. Took ${count(seconds)} s` +
    `${machine.loadBefore === null ? "" : `, load before ${machine.loadBefore}`}.`
  );
}
