/** Edits replayed: keys saved and what was shown, by answerer, language and repository. */
import { table } from "../../../server/measure/markdown.ts";
import type { ReplayRun } from "../parts/replay.ts";
import type { ReplayFigures } from "../replay/figures.ts";
import { percent, plain } from "./format.ts";
import type { ReplayResults } from "./results.ts";

const NAMES: Readonly<Record<string, string>> = {
  server: "Stateline",
  nothing: "nothing",
  words: "the file's own words",
  ngram: "nested n-gram",
  peer: "Qwen2.5-Coder-0.5B",
};

export function replayText({ results, keysEach, speed, savesItself }: ReplayResults): string {
  const ours = results.find(({ by }) => by === "server");
  const typing =
    speed === "fast"
      ? "every key waits for its answer"
      : `at human speed, with wrong keys and undo, ${savesItself ? "saved a second after the last key" : "saved when a file is finished"}`;
  return [
    `What changed between two published versions, typed key by key through the server, ${keysEach.toLocaleString("en")} keys a repository at most; ${typing}. A text is accepted, by one key, if it is right to its end. Lines that an edit replaces are deleted first and remembered by the server; a person who changes a line where it stands gains less than at "lines changed" below. Brackets are 95 % bootstrap intervals over edits.`,
    table(
      [
        "what answers",
        "keys",
        "keys saved",
        "and word by word",
        "shown a hundred keys",
        "accepted of the shown",
        "characters an acceptance",
        "ms, p50 / p95 / p99",
      ],
      results.map(runRow),
    ),
    ours ? oursText(ours) : "",
  ]
    .filter(Boolean)
    .join("\n\n");
}

function runRow({ by, all }: ReplayRun): string[] {
  const shown = all.shown > 0;
  return [
    NAMES[by] ?? by,
    all.keys.toLocaleString("en"),
    percent(all.keysSaved),
    percent(all.keysSavedByWords),
    all.shownPer100Keys.toFixed(1),
    shown ? percent(all.acceptedShare) : "",
    shown ? plain(all.charactersAnAcceptance, 1) : "",
    milliseconds(all.waitMs),
  ];
}

function oursText({ all, repositories, languages, kinds }: ReplayRun): string {
  const rows = [...languages, ...kinds, ...repositories].map((one) => [
    one.name,
    String(one.edits),
    percent(one.keysSaved),
    one.shown > 0 ? percent(one.acceptedShare) : "",
    one.shown > 0 ? plain(one.charactersAnAcceptance, 1) : "",
  ]);
  const { cpuSecondsPer1000Keys, residentMiB } = all;
  return [
    `Of Stateline's texts ${share(all.singleCharacterShare.value)} are a single character; ${all.wrongPer100Keys.toFixed(1)} a hundred keys are not accepted, and ${all.replacedUnreadPer100Keys.toFixed(1)} give way to another before they can be read. ${share(all.cachedShare.value)} of the answers with a text are the rest of one that was shown; ${share(all.cancelledShare.value)} of requests are cancelled. The first key of an edit waits ${milliseconds(all.firstWaitMs)} ms. A thousand keys cost ${cpuSecondsPer1000Keys?.toFixed(0) ?? "?"} s of the processor; the server has ${residentMiB?.toFixed(0) ?? "?"} MiB at the end.`,
    table(["Stateline", "edits", "keys saved", "accepted of the shown", "characters an acceptance"], rows),
  ].join("\n\n");
}

function milliseconds({ p50, p95, p99 }: ReplayFigures["waitMs"]): string {
  return [p50, p95, p99].map((ms) => ms.toFixed(0)).join(" / ");
}

function share(value: number | null): string {
  return `${(100 * (value ?? 0)).toFixed(1)} %`;
}
