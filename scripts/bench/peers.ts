/**
 * llama.cpp and this engine on the same GGUF files in turn: reading, decoding, keystrokes. Prints JSON.
 *   node scripts/bench/peers.ts [--threads N ...] [--long] [--busy] [--rounds N] [--only CASE] [FILE ...]
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { reasonOf } from "../../protocol/reason.ts";
import { median } from "../../server/measure/statistics.ts";
import { PEER_FOLDER, packageVersion } from "../eval/peer/llama.ts";
import { CASES, type Case } from "./peers/cases.ts";
import { Ours } from "./peers/ours.ts";
import type { Racer } from "./peers/racer.ts";
import { Theirs } from "./peers/theirs.ts";

/** Random tokens below it are in every vocabulary that is raced, and are ordinary. */
const VOCABULARY = 256;

export interface PeerRow {
  readonly file: string;
  readonly threads: number;
  readonly case: string;
  /** One thread's processor time is the work that was done, whatever else runs; of more threads it is the time on the wall. */
  readonly clock: "processor" | "wall";
  /** Medians over the rounds; null where that engine cannot load the file. */
  readonly oursMs: number | null;
  readonly theirsMs: number | null;
  /** Median of the rounds' ratios, theirs by ours: how many times faster this engine is. */
  readonly ratio: number | null;
  readonly all: { readonly oursMs: readonly number[]; readonly theirsMs: readonly number[] };
}

export interface PeerResults {
  readonly nodeLlamaCpp: string;
  readonly llamaCpp: string;
  readonly isBusy: boolean;
  /** One sentence a file and engine that cannot load it. */
  readonly notLoaded: readonly string[];
  readonly rows: readonly PeerRow[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string", multiple: true, default: ["1", "2"] },
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    long: { type: "boolean", default: false },
    busy: { type: "boolean", default: false },
  },
});
const files = positionals.length > 0 ? positionals : ggufFiles();
const cases = CASES.filter(({ name, isLong }) => name.includes(values.only) && (values.long || !isLong));

function ggufFiles(): string[] {
  const names = existsSync(PEER_FOLDER) ? readdirSync(PEER_FOLDER) : [];
  const found = names.filter((name) => name.endsWith(".gguf")).sort();
  if (found.length === 0)
    throw new Error(`There is no .gguf file in ${PEER_FOLDER}: ./dev bench peers puts some there.`);
  return found.map((name) => join(PEER_FOLDER, name));
}

/** Undefined, and why is kept, if the engine cannot load the file. */
async function tried<Loaded>(
  who: string,
  file: string,
  load: () => Promise<Loaded>,
): Promise<Loaded | undefined> {
  try {
    return await load();
  } catch (cause) {
    const sentence = `${who} cannot load ${basename(file)}: ${reasonOf(cause)}`;
    if (!notLoaded.includes(sentence)) notLoaded.push(sentence);
    console.error(sentence);
    return undefined;
  }
}

async function timed(racer: Racer, one: Case, seed: number, clock: PeerRow["clock"]): Promise<number> {
  await one.prepare(racer, VOCABULARY, seed);
  const [begin, used] = [performance.now(), process.cpuUsage()];
  await one.time(racer, VOCABULARY, seed);
  const { user, system } = process.cpuUsage(used);
  return clock === "processor" ? (user + system) / 1000 : performance.now() - begin;
}

async function race(
  file: string,
  threads: number,
  one: Case,
  ours?: Racer,
  theirs?: Racer,
): Promise<PeerRow> {
  const all = { oursMs: [] as number[], theirsMs: [] as number[] };
  const rounds = Number(values.rounds ?? one.rounds);
  const clock: PeerRow["clock"] = threads === 1 && !values.busy ? "processor" : "wall";
  // The first round warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    const oursMs = ours && (await timed(ours, one, round, clock));
    const theirsMs = theirs && (await timed(theirs, one, round, clock));
    if (round > 0 && oursMs !== undefined) all.oursMs.push(oursMs);
    if (round > 0 && theirsMs !== undefined) all.theirsMs.push(theirsMs);
  }
  const middle = (ms: readonly number[]) => (ms.length > 0 ? median(ms) : null);
  const ratios =
    ours && theirs ? all.theirsMs.map((ms, round) => ms / (all.oursMs[round] ?? Number.NaN)) : [];
  const row = {
    ...{ file: basename(file), threads, case: one.name, clock },
    ...{ oursMs: middle(all.oursMs), theirsMs: middle(all.theirsMs), ratio: middle(ratios), all },
  };
  const words = (ms: number | null) => (ms === null ? "cannot" : `${ms.toFixed(1)} ms`);
  const times = row.ratio === null ? "" : `, ${row.ratio.toFixed(2)} times`;
  console.error(
    `${row.file}, ${threads} threads, ${one.name}: ours ${words(row.oursMs)}, llama.cpp ${words(row.theirsMs)}${times}`,
  );
  return row;
}

const nodeLlamaCpp = packageVersion(); // fails at once where it is not installed
const notLoaded: string[] = [];
const rows: PeerRow[] = [];
let llamaCpp = "";
const neighbour = values.busy ? spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }) : undefined;
for (const file of files) {
  for (const threads of values.threads.map(Number)) {
    const most = Math.max(...cases.map(({ tokens }) => tokens)) + 256;
    const ours = await tried("Our engine", file, () => Ours.load(file, threads));
    const theirs = await tried("llama.cpp", file, () => Theirs.load(file, threads, most));
    llamaCpp ||= theirs?.release ?? "";
    for (const one of ours || theirs ? cases : []) rows.push(await race(file, threads, one, ours, theirs));
    await ours?.dispose();
    await theirs?.dispose();
  }
}
neighbour?.kill();
const results: PeerResults = {
  nodeLlamaCpp,
  llamaCpp,
  isBusy: values.busy,
  notLoaded,
  rows,
};
process.stdout.write(`${JSON.stringify(results)}\n`);
