/** The rest of a line as a person meets it: through the server's own completer, with the true text behind the cursor. */
import { extname } from "node:path";
import { distance } from "fastest-levenshtein";
import { validateSettings } from "../../protocol/settings.ts";
import { quantiles } from "../../server/benchmark/statistics.ts";
import { Stateline } from "../../server/stateline.ts";
import { type CorpusRepository, SILENT, WrittenRepository } from "./corpus.ts";
import { type Kind, type Place, placesIn, withoutPlaces } from "./places.ts";
import { type Estimate, estimate } from "./random.ts";

const KINDS: readonly Kind[] = ["identifier", "anywhere"];

export interface Asked {
  readonly kind: Kind;
  readonly repository: string;
  readonly path: string;
  readonly rest: string;
  readonly answer: string;
  readonly ms: number;
  readonly meanLogProb: number;
}

export interface LineFigures {
  readonly kind: Kind;
  readonly places: number;
  readonly exactMatch: Estimate;
  /** 1 - Levenshtein distance / the longer length. */
  readonly editSimilarity: Estimate;
  /** Characters of the answer before the first wrong one. */
  readonly charactersRight: Estimate;
  readonly ms: { readonly p50: number; readonly p95: number };
}

export interface LineOptions {
  readonly hybridRatio: number | undefined;
  readonly attentionWindow: number | undefined;
  readonly modelPath: string;
  readonly readsRepository: boolean;
  readonly placesEach: number;
}

export async function askForLines(repository: CorpusRepository, options: LineOptions): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const kind of KINDS) {
    const places = placesIn(repository, kind, options.placesEach);
    using written = new WrittenRepository(withoutPlaces(repository, places));
    const stateline = await start(written.folder, options);
    try {
      for (const place of places) asked.push(await ask(stateline, repository.name, place));
    } finally {
      stateline.dispose();
    }
  }
  return asked;
}

async function start(folder: string, options: LineOptions): Promise<Stateline> {
  const { hybridRatio, attentionWindow, modelPath } = options;
  const { settings, problems } = validateSettings({ hybridRatio, attentionWindow, modelPath, maxLines: 1 });
  if (problems[0]) throw new Error(problems[0]);
  const stateline = new Stateline({
    settings,
    folders: options.readsRepository ? [folder] : [],
    storagePath: undefined,
    log: SILENT,
    onStatusChanged: () => undefined,
  });
  await stateline.start();
  await stateline.settled();
  if (stateline.status.state === "error") throw new Error(stateline.status.message);
  return stateline;
}

async function ask(stateline: Stateline, repository: string, place: Place): Promise<Asked> {
  const { kind, path, before, after, rest } = place;
  const document = {
    uri: `file:///${path}`,
    relativePath: path,
    languageId: extname(path).slice(1),
    text: before + after,
    editedLine: undefined,
  };
  const answer = await stateline.complete({ document, offset: before.length, manual: true, others: [] });
  const figures = stateline.lastCompletion;
  return {
    kind,
    repository,
    path,
    rest,
    answer: (answer?.insertText.split("\n", 1)[0] ?? "").trimEnd(),
    ms: figures?.msTotal ?? Number.NaN,
    meanLogProb: figures?.meanLogProb ?? Number.NaN,
  };
}

export function lineFigures(all: readonly Asked[]): LineFigures[] {
  return KINDS.map((kind) => {
    const asked = all.filter((one) => one.kind === kind);
    const mean = (of: (one: Asked) => number): Estimate =>
      estimate(
        asked.map(of),
        asked.map(() => 1),
      );
    const { p50, p95 } = quantiles(asked.map(({ ms }) => ms));
    return {
      kind,
      places: asked.length,
      exactMatch: mean(isExact),
      editSimilarity: mean(
        ({ rest, answer }) => 1 - distance(rest, answer) / Math.max(rest.length, answer.length),
      ),
      charactersRight: mean(({ rest, answer }) => commonPrefix(rest, answer)),
      ms: { p50, p95 },
    };
  });
}

export interface Offered {
  /** Mean nats a token of the first line from which it is offered. */
  readonly least: number;
  readonly offeredShare: number;
  /** Of those offered. */
  readonly exactShare: number;
  /** Characters right less those wrong, a request: what showing only these is worth to the person. */
  readonly netCharacters: number;
}

const THRESHOLDS = [-0.2, -0.3, -0.4, -0.5, -0.6, -0.8, -1, -1.2, -1.4, -1.6, -2, -3];

/** What each threshold of the completer would offer (LEAST_LOG_PROB). */
export function thresholds(all: readonly Asked[]): Offered[] {
  return THRESHOLDS.map((least) => {
    const offered = all.filter(({ meanLogProb, answer }) => meanLogProb >= least && answer !== "");
    const net = offered.reduce((sum, one) => {
      const right = commonPrefix(one.rest, one.answer);
      return sum + right - (one.answer.length - right);
    }, 0);
    return {
      least,
      offeredShare: offered.length / all.length,
      exactShare: offered.filter((one) => isExact(one) === 1).length / offered.length,
      netCharacters: net / all.length,
    };
  });
}

function isExact({ rest, answer }: Asked): number {
  return rest === answer ? 1 : 0;
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
