/// <reference lib="dom" />
/** The present: memory, reading, throughput and latency. */
import type { DashboardData } from "../../protocol/dashboard.ts";
import { bytes, count, milliseconds, slowReadingInWords } from "../../protocol/words.ts";
import { memoryChart, throughputChart } from "./charts.ts";
import { element, section, setText, show, table } from "./dom.ts";
import { Frame } from "./frame.ts";

export class Live {
  readonly elements: readonly HTMLElement[];
  readonly #memoryTable = element("div");
  readonly #memoryFrame = new Frame("memory-chart");
  readonly #memoryNote = element("p", { class: "note" });
  readonly #readingBar = element("progress", { max: 1, "aria-labelledby": "reading-title" });
  readonly #readingText = element("p", { class: "figures" });
  readonly #speedFrame = new Frame("throughput-chart");
  readonly #speedEmpty = element(
    "p",
    { class: "note" },
    "Nothing was read or completed in this session yet. Type in a file, or read the repository again.",
  );
  readonly #speedLegend = element(
    "p",
    { class: "legend" },
    element("span", { class: "key state" }, "reading"),
    element("span", { class: "key attention" }, "writing"),
  );
  readonly #latency = element("dl", { class: "tiles" });
  readonly #latencyNote = element("p", { class: "note" });

  constructor() {
    this.elements = [
      section("memory", "Memory now", this.#memoryFrame.element, this.#memoryNote, this.#memoryTable),
      section("reading", "Repository", this.#readingBar, this.#readingText),
      section("throughput", "Tokens a second", this.#speedLegend, this.#speedEmpty, this.#speedFrame.element),
      section("latency", "Time to a completion", this.#latency, this.#latencyNote),
    ];
  }

  draw(data: DashboardData): void {
    this.#drawMemory(data);
    this.#drawReading(data);
    this.#drawThroughput(data);
    this.#drawLatency(data);
  }

  #drawMemory(data: DashboardData): void {
    const { memory, attention } = data;
    const hasRatio = data.heads > 0;
    const rows = [
      ["Weights", memory.weightBytes],
      ["Repository's state", memory.stateBytes],
      ["Attention cache", memory.kvBytes],
      ["States before the cursor", memory.checkpointBytes],
      ["Exact recall", memory.recallBytes],
    ] as const;
    const total = rows.reduce((sum, [, size]) => sum + size, 0);
    const all = [...rows, ["Together", total] as const].map(([name, size]) => [name, bytes(size)]);
    this.#memoryTable.replaceChildren(table("Held in memory", ["What", "Size"], all));
    const now = memory.stateBytes + memory.kvBytes;
    const times = now > 0 ? attention.bytes / now : 0;
    setText(
      this.#memoryNote,
      attention.contextTokens === 0
        ? "Nothing is read yet."
        : `${count(attention.contextTokens)} tokens of context take ${bytes(now)}.${
            hasRatio
              ? ` Were every head to attend to all of them, they would take ${bytes(attention.bytes)}${times >= 2 ? `: ${count(times)} times as much` : ""}.`
              : ""
          }`,
    );
    this.#memoryFrame.draw([now, attention.bytes], hasRatio && now > 0 && attention.bytes > 0, (width) =>
      memoryChart(data, width),
    );
  }

  #drawReading({ status }: DashboardData): void {
    const { state, tokensRead, tokensTotal, stateTokens, tokensPerSecond, slowReading } = status;
    const isReading = state === "reading";
    show(this.#readingBar, isReading);
    this.#readingBar.value = tokensTotal > 0 ? tokensRead / tokensTotal : 0;
    const speed = tokensPerSecond > 0 ? `, ${count(tokensPerSecond)} tokens/s` : "";
    const read = isReading
      ? `${count(tokensRead)} of ${count(tokensTotal)} tokens in the index`
      : `${count(tokensRead)} tokens in the index, ${count(stateTokens)} read into the state`;
    const slow = slowReading
      ? ` This model is slow here: the state begins with the ${slowReadingInWords(slowReading)} of reading.`
      : "";
    setText(this.#readingText, `${read}${speed}.${slow} ${status.message ?? ""}`.trimEnd());
  }

  #drawThroughput({ reading, decoding }: DashboardData): void {
    const isEmpty = reading.length + decoding.length === 0;
    show(this.#speedEmpty, isEmpty);
    show(this.#speedLegend, !isEmpty);
    this.#speedFrame.draw([reading.at(-1)?.atMs, decoding.at(-1)?.atMs], !isEmpty, (width) =>
      throughputChart(reading, decoding, width),
    );
  }

  #drawLatency({ latency: { count: completions, p50Ms, p95Ms, maxMs } }: DashboardData): void {
    show(this.#latency, completions > 0);
    setText(
      this.#latencyNote,
      completions === 0
        ? "No completion was written in this session yet."
        : `Of ${count(completions)} ${completions === 1 ? "completion" : "completions"}, from the request to the answer, with the pause between keystrokes.`,
    );
    const tile = (name: string, value: number) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, milliseconds(value)));
    this.#latency.replaceChildren(tile("median", p50Ms), tile("95 % within", p95Ms), tile("longest", maxMs));
  }
}
