/** Edits of real repositories, replayed key by key through the real server. */
import { closeSync, openSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BeginAnswering } from "../replay/answerer.ts";
import { editsOf } from "../replay/edits.ts";
import { byKind, byLanguage, type ReplayFigures, replayFigures } from "../replay/figures.ts";
import { typingClock } from "../replay/pauses.ts";
import { answersOfServer } from "../replay/server.ts";
import { type EditRecord, replay as replayEdits } from "../replay/session.ts";
import { REPLAY_CACHE, type Versions, versionsOf, workingCopy } from "../replay/sources.ts";
import type { Options, ReplayOptions } from "./options.ts";

const BUNDLED_SERVER = fileURLToPath(new URL("../../../dist/server.cjs", import.meta.url));
/** Nothing is waited for but the answers: the least pause that the setting allows. */
const FAST_SETTINGS = { triggerDelayMs: 1 };

interface Replayed {
  readonly figures: ReplayFigures;
  readonly records: readonly EditRecord[];
}

export async function replay(options: Options): Promise<object> {
  const { keys, seed, split, suggestions, log, server } = options.replay;
  const settings = {
    ...FAST_SETTINGS,
    ...(suggestions && { suggestions }),
    ...(options.modelPath && { modelPath: resolve(options.modelPath) }),
  };
  const path = resolve(server ?? BUNDLED_SERVER);
  const begin = answersOfServer({ path, settings, statesFolder: join(REPLAY_CACHE, "states") });
  const file = log === undefined ? undefined : openSync(log, "w");
  const replayed: Replayed[] = [];
  for (const versions of versionsOf(split, options.only, options.say)) {
    const one = await replayRepository(versions, begin, options.replay);
    if (file !== undefined) writeSync(file, one.records.map(logLines).join(""));
    options.say(sentence(one.figures));
    replayed.push(one);
  }
  if (file !== undefined) closeSync(file);
  const records = replayed.flatMap((one) => one.records);
  const repositories = replayed.map((one) => one.figures);
  const all = { ...replayFigures("all", records), ...meanUsage(repositories) };
  options.say(sentence(all));
  return {
    ...{ split, keysEach: keys, seed, settings },
    ...{ all, repositories, languages: byLanguage(records), kinds: byKind(records) },
  };
}

async function replayRepository(
  versions: Versions,
  begin: BeginAnswering,
  { keys, seed }: ReplayOptions,
): Promise<Replayed> {
  const folder = workingCopy(versions, join(REPLAY_CACHE, "repositories"));
  const answerer = await begin(folder);
  try {
    const edits = editsOf(versions, keys, seed);
    const records = await replayEdits(versions.name, edits, answerer, typingClock(seed));
    return { figures: replayFigures(versions.name, records, answerer.usage()), records };
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

function logLines({ showings, ...edit }: EditRecord): string {
  const { repository, path, language, isChange } = edit;
  const about = { repository, path, language, isChange, edit: edit.edit };
  return showings.map((showing) => `${JSON.stringify({ ...about, ...showing })}\n`).join("");
}

function sentence(figures: ReplayFigures): string {
  const { name, keys, keysSaved, keysSavedByWords, shownShare, shownPer100Keys, acceptedShare } = figures;
  const { charactersAnAcceptance, singleCharacterShare, waitMs, cpuSecondsPer1000Keys } = figures;
  const percent = ({ value }: { value: number }) => `${(100 * value).toFixed(1)} %`;
  return [
    `${name}: ${keys} keys, ${percent(keysSaved)} saved`,
    `+ ${percent(keysSavedByWords)} by words`,
    `${percent(acceptedShare)} of the shown accepted`,
    `${charactersAnAcceptance.value.toFixed(1)} characters each`,
    `${percent(singleCharacterShare)} single`,
    `${shownPer100Keys.toFixed(1)} shown a hundred keys, at ${percent(shownShare)} of requests`,
    `p50 ${waitMs.p50.toFixed(0)} p95 ${waitMs.p95.toFixed(0)} ms`,
    `${cpuSecondsPer1000Keys?.toFixed(0)} s of CPU a thousand keys`,
  ].join(", ");
}
