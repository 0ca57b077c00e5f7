/** Edits of real repositories, replayed key by key through the real server and through baselines. */
import { closeSync, openSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BeginAnswering, Usage } from "../replay/answerer.ts";
import { BASELINES } from "../replay/baselines.ts";
import { editsOf } from "../replay/edits.ts";
import { byKind, byLanguage, type ReplayFigures, replayFigures } from "../replay/figures.ts";
import { hashOfFolder, Kept } from "../replay/kept.ts";
import { fastPace, humanPace } from "../replay/pauses.ts";
import { type EditRecord, replay as replayEdits } from "../replay/session.ts";
import { REPLAY_CACHE, type Versions, versionsOf, workingCopy } from "../replay/sources.ts";
import { answersOfServer, buildHash } from "../replay/states.ts";
import type { Options, ReplayOptions } from "./options.ts";

const BUNDLED_SERVER = fileURLToPath(new URL("../../../dist/server.cjs", import.meta.url));
const HARNESS = fileURLToPath(new URL("../replay", import.meta.url));
/** Where nothing is waited for but the answers: the least pause that the setting allows. */
const FAST_SETTINGS = { triggerDelayMs: 1 };

interface Replayed {
  readonly records: readonly EditRecord[];
  readonly usage: Usage;
}

/** One answerer's. */
export interface ReplayRun {
  readonly by: string;
  readonly all: ReplayFigures;
  readonly repositories: readonly ReplayFigures[];
  readonly languages: readonly ReplayFigures[];
  readonly kinds: readonly ReplayFigures[];
}

export async function replay(options: Options): Promise<object> {
  const { by, keys, seed, split, speed, savesItself, suggestions, log } = options.replay;
  const settings = {
    ...(speed === "fast" && FAST_SETTINGS),
    ...(suggestions && { suggestions }),
    ...(options.modelPath && { modelPath: resolve(options.modelPath) }),
  };
  const file = log === undefined ? undefined : openSync(log, "w");
  const kept = new Kept(join(REPLAY_CACHE, "kept"));
  const results: ReplayRun[] = [];
  for (const name of by) {
    const run = await runOf(name, settings, options, kept, (records) => {
      if (file !== undefined) writeSync(file, records.map((one) => logLines(name, one)).join(""));
    });
    results.push(run);
  }
  if (file !== undefined) closeSync(file);
  kept.forget();
  return { split, keysEach: keys, seed, speed, ...(speed === "human" && { savesItself }), settings, results };
}

async function runOf(
  by: string,
  settings: object,
  options: Options,
  kept: Kept,
  onRecords: (records: readonly EditRecord[]) => void,
): Promise<ReplayRun> {
  const { server, ...conditions } = options.replay;
  const path = resolve(server ?? BUNDLED_SERVER);
  let begun: Promise<BeginAnswering> | undefined;
  const begin = () => {
    begun ??= answererNamed(by, path, settings);
    return begun;
  };
  const build = by === "server" ? buildHash(path) : hashOfFolder(join(HARNESS, ".."));
  const replayed: (Replayed & { figures: ReplayFigures })[] = [];
  for (const versions of versionsOf(conditions.split, options.only, options.say)) {
    const exact = { ...conditions, by, versions, settings, build, harness: hashOfFolder(HARNESS) };
    const one = await kept.found(exact, async () =>
      replayRepository(versions, await begin(), options.replay, by === "server"),
    );
    onRecords(one.records);
    const figures = replayFigures(versions.name, one.records, one.usage);
    options.say(`${by}, ${sentence(figures)}`);
    replayed.push({ ...one, figures });
  }
  const records = replayed.flatMap((one) => one.records);
  const repositories = replayed.map(({ figures }) => figures);
  const all = { ...replayFigures("all", records), ...meanUsage(repositories) };
  options.say(`${by}, ${sentence(all)}`);
  return { by, all, repositories, languages: byLanguage(records), kinds: byKind(records) };
}

async function answererNamed(by: string, path: string, settings: object): Promise<BeginAnswering> {
  if (by === "server") {
    return answersOfServer({ path, settings: { ...settings } }, join(REPLAY_CACHE, "states"));
  }
  const baseline = BASELINES[by];
  if (!baseline) throw new Error(`Nothing answers by the name of "${by}"; see ./dev eval --help.`);
  return await baseline();
}

async function replayRepository(
  versions: Versions,
  begin: BeginAnswering,
  { keys, seed, speed, savesItself }: ReplayOptions,
  takesTime: boolean,
): Promise<Replayed> {
  const folder = workingCopy(versions, join(REPLAY_CACHE, "repositories"));
  const answerer = await begin(folder);
  const wait = takesTime ? undefined : () => Promise.resolve();
  const pace = speed === "fast" ? fastPace(seed, wait) : humanPace(seed, savesItself, wait);
  try {
    const records = await replayEdits(versions.name, editsOf(versions, keys, seed), answerer, pace);
    return { records, usage: answerer.usage() };
  } finally {
    await answerer.close();
  }
}

function meanUsage(repositories: readonly ReplayFigures[]) {
  const total = repositories.reduce((sum, { keys }) => sum + keys, 0);
  const cpu = repositories.reduce(
    (sum, one) => sum + (one.cpuSecondsPer1000Keys ?? Number.NaN) * one.keys,
    0,
  );
  return {
    cpuSecondsPer1000Keys: cpu / total,
    residentMiB: Math.max(...repositories.map((one) => one.residentMiB ?? Number.NaN)),
  };
}

function logLines(by: string, { showings, ...edit }: EditRecord): string {
  const { repository, path, language, isChange } = edit;
  const about = { by, repository, path, language, isChange, edit: edit.edit };
  return showings.map((showing) => `${JSON.stringify({ ...about, ...showing })}\n`).join("");
}

function sentence(figures: ReplayFigures): string {
  const { name, keys, keysSaved, keysSavedByWords, shownShare, shownPer100Keys, acceptedShare } = figures;
  const { charactersAnAcceptance, singleCharacterShare, cancelledShare, waitMs, cpuSecondsPer1000Keys } =
    figures;
  const percent = ({ value }: { value: number }) => `${(100 * value).toFixed(1)} %`;
  if (figures.shown === 0) return `${name}: ${keys} keys, nothing was shown`;
  return [
    `${name}: ${keys} keys, ${percent(keysSaved)} saved`,
    `+ ${percent(keysSavedByWords)} by words`,
    `${percent(acceptedShare)} of the shown accepted`,
    `${charactersAnAcceptance.value.toFixed(1)} characters each`,
    `${percent(singleCharacterShare)} single`,
    `${shownPer100Keys.toFixed(1)} shown a hundred keys, at ${percent(shownShare)} of requests`,
    `${percent(cancelledShare)} cancelled`,
    `p50 ${waitMs.p50.toFixed(0)} p95 ${waitMs.p95.toFixed(0)} ms`,
    `${cpuSecondsPer1000Keys?.toFixed(0)} s of CPU a thousand keys`,
  ].join(", ");
}
