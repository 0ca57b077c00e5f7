/** What answers in place of the server, to compare: the file's own words, the nested n-gram, a model that fills in. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { chooseThreads } from "../../../server/engine/threads.ts";
import { EMBEDDED_MODEL_PATH } from "../../../server/installation.ts";
import { tokenizerOf } from "../cases.ts";
import { trainingRepositories } from "../corpus.ts";
import { languageOf } from "../languages.ts";
import { completeLine, countsOf, fitNgrams } from "../ngramBaseline.ts";
import { Peer } from "../peer/model.ts";
import type { BeginAnswering } from "./answerer.ts";
import { answersOf } from "./inProcess.ts";

/** Editors suggest words from the second character on. */
const SHORTEST_PREFIX = 2;
/** As Stateline's own: a text is shown as far as it is as likely as this. */
const LEAST_PROBABILITY = 0.4;
/** The n-gram's caches are made anew for every key: of the text around the cursor. */
const CHARACTERS_BEFORE = 16_000;
const CHARACTERS_AFTER = 4_000;

export const BASELINES: Readonly<Record<string, () => Promise<BeginAnswering>>> = {
  nothing: () => Promise.resolve(answersOf(() => () => "")),
  words: () =>
    Promise.resolve(
      answersOf(
        () =>
          ({ text }, cursor) =>
            wordOfTheFile(text, cursor),
      ),
    ),
  ngram: answersOfNgrams,
  peer: answersOfPeer,
};

/** The rest of the file's most frequent word that begins as the one at the cursor, the longest of several. */
export function wordOfTheFile(text: string, cursor: number): string {
  const prefix = /[\p{L}\p{N}_$]*$/u.exec(text.slice(Math.max(0, cursor - 100), cursor))?.[0] ?? "";
  if (prefix.length < SHORTEST_PREFIX || /^[\p{L}\p{N}_$]/u.test(text.slice(cursor))) return "";
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)) {
    if (word.length > prefix.length && word.startsWith(prefix)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const [best] = [...counts].sort(([a, m], [b, n]) => n - m || b.length - a.length);
  return best?.[0].slice(prefix.length) ?? "";
}

async function answersOfNgrams(): Promise<BeginAnswering> {
  const tokenizer = await tokenizerOf(EMBEDDED_MODEL_PATH);
  const baseline = fitNgrams(tokenizer, trainingRepositories());
  return answersOf((folder) => {
    const repository = countsOf(tokenizer, sourcesBelow(folder));
    return ({ text }, cursor) => {
      const before = text.slice(Math.max(0, cursor - CHARACTERS_BEFORE), cursor);
      const after = text.slice(cursor, cursor + CHARACTERS_AFTER);
      return before === "" ? "" : completeLine(baseline, repository, { before, after }, LEAST_PROBABILITY);
    };
  });
}

/** It shows whatever it writes, as editors show it. */
async function answersOfPeer(): Promise<BeginAnswering> {
  const peer = await Peer.load(chooseThreads(0));
  return answersOf(
    () =>
      ({ text }, cursor) =>
        peer.restOfLine({ before: text.slice(0, cursor), after: text.slice(cursor) }),
  );
}

function sourcesBelow(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => languageOf(path) && statSync(join(folder, path)).isFile())
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), "utf8") }));
}
