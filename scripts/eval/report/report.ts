/** The results of docs/model-card.md from the JSON in docs/evaluation, so that no figure is typed by hand. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { besideText } from "./beside.ts";
import { bitsText } from "./bits.ts";
import { linesText } from "./lines.ts";
import { namesText, needlesText, pytorchText } from "./memory.ts";
import { replayText } from "./replay.ts";
import type { Recorded, Results } from "./results.ts";
import { soakText } from "./soak.ts";

const BEGIN = "<!-- results: written by ./dev eval from docs/evaluation -->";
const END = "<!-- end of results -->";

export function writeReport(root: string): void {
  const path = join(root, "docs", "model-card.md");
  const results = resultsOf(findIn(join(root, "docs", "evaluation")));
  writeFileSync(path, withResults(readFileSync(path, "utf8"), results));
}

/** The card with these results between its marks. */
export function withResults(card: string, results: string): string {
  const begin = card.indexOf(BEGIN);
  const end = card.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`The model card has no place for the results, which begins with ${BEGIN}`);
  }
  return `${card.slice(0, begin + BEGIN.length)}\n\n${results}\n\n${card.slice(end)}`;
}

function findIn(folder: string): Results {
  const names = ["bits", "lines", "needles", "ngram", "smollm2", "peer", "pytorch", "replay", "soak"];
  const present = names.filter((name) => existsSync(join(folder, `${name}.json`)));
  const read = (name: string) => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  return Object.fromEntries(present.map((name) => [name, read(name)]));
}

/** One part after the other, of those that were measured. */
export function resultsOf(found: Results): string {
  const { bits, lines, needles, ngram, smollm2, peer, pytorch, replay, soak } = found;
  return [
    bits && section("Bits a byte", bits, bitsText(bits, ngram)),
    lines && section("Lines", lines, linesText(lines)),
    (bits || lines) && (ngram || smollm2 || peer) && `### Beside other models\n\n${besideText(found)}`,
    replay && section("Edits replayed", replay, replayText(replay)),
    soak && section("A long session", soak, soakText(soak)),
    bits && section("Names at a distance", bits, namesText(bits)),
    needles && section("What is remembered", needles, needlesText(needles)),
    pytorch && section("Engine and PyTorch", pytorch, pytorchText(pytorch)),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function section(title: string, { command, date, commit, machine, seconds }: Recorded, body: string): string {
  const { cpu, logicalCores, memoryGiB, loadBefore } = machine;
  const load = loadBefore ?? "unknown";
  return `### ${title}\n\n\`${command}\`, ${date}, commit ${commit}, ${cpu} (${logicalCores} cores, ${memoryGiB} GiB), load before ${load}, ${Math.ceil(seconds / 60)} minutes.\n\n${body}`;
}
