/// <reference lib="dom" />
/** The dashboard's page: messages in, knowledge, parts drawn from it, messages out. */
import type { FromPage, ToPage } from "../../protocol/dashboard.ts";
import { Benchmark } from "./benchmark.ts";
import { Completions } from "./completions.ts";
import { button, element, setText, show } from "./dom.ts";
import { Live } from "./live.ts";
import { LongRange } from "./longRange.ts";
import { type Knowledge, learn, NOTHING_KNOWN } from "./model.ts";
import { Ratio } from "./ratio.ts";

declare function acquireVsCodeApi(): { postMessage(message: FromPage): void };

const editor = acquireVsCodeApi();
const post = (message: FromPage): void => editor.postMessage(message);

let known = NOTHING_KNOWN;
const live = new Live();
const completions = new Completions(post);
const ratio = new Ratio(post);
const benchmark = new Benchmark(post, {
  onShow: (chosenRun) => redraw({ ...known, chosenRun }),
  onCompare: (comparedRun) => redraw({ ...known, comparedRun }),
});
const longRange = new LongRange(post);

const state = element("p", { class: "status", role: "status" }, "Asking the server…");
const repairs = element(
  "div",
  { class: "buttons", hidden: true },
  button("Restart the Server", () => post({ kind: "command", command: "restartServer" })),
  button("Show the Log", () => post({ kind: "command", command: "showLog" }), { class: "secondary" }),
  button("Settings", () => post({ kind: "command", command: "openSettings" }), { class: "secondary" }),
);
const parts = element(
  "div",
  { class: "parts", hidden: true },
  ...live.elements,
  completions.element,
  ratio.element,
  benchmark.element,
  longRange.element,
);
document
  .getElementById("page")
  ?.append(element("header", {}, element("h1", {}, "Stateline"), state, repairs), parts);

function redraw(next: Knowledge): void {
  known = next;
  draw();
}

function draw(): void {
  const { data, unavailable } = known;
  setText(state, sentence());
  state.classList.toggle("problem", unavailable?.isError === true);
  show(repairs, unavailable?.isError === true);
  show(parts, data !== undefined);
  parts.toggleAttribute("inert", unavailable !== undefined);
  if (!data) return;
  live.draw(data);
  completions.draw(known);
  ratio.draw(known);
  benchmark.draw(known);
  longRange.draw(known);
}

function sentence(): string {
  if (known.unavailable) return known.unavailable.sentence;
  if (!known.data) return "Asking the server…";
  const { state: now, model, device } = known.data.status;
  return `${now === "reading" ? "Reading the repository" : "Ready"} · ${model} · ${device}`;
}

window.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
  redraw(learn(known, data));
});
post({ kind: "ready" });
