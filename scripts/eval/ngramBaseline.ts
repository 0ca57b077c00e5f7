/** The n-gram baseline: fitted to the training corpus, asked at the same places and scored on the same files as the model. */
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { concatBytes, decodeWhole } from "../../server/engine/utf8.ts";
import { type Answer, answerTo } from "./answers.ts";
import { askedFiles, type ScoredFile } from "./bits.ts";
import type { CorpusFile, CorpusRepository } from "./corpus.ts";
import { Counts } from "./counts.ts";
import {
  distribution,
  type Evidence,
  evidenceOf,
  fitWeights,
  probability,
  type Stores,
  type Weights,
} from "./ngram.ts";
import { asOnDisk, type Place, placesIn } from "./places.ts";
import { randomSource, shuffled } from "./random.ts";

/** Tokens, the last of which is predicted. Ten of the model's are about six of a lexer's. */
const CORPUS_ORDER = 6;
const CACHE_ORDER = 10;
/** Of all repositories together, as many of each: all of them are seen, in every language. */
const CORPUS_CHARACTERS = 17_000_000;
const FITTED_REPOSITORIES = 24;
const FITTED_FILES = 3;
const MOST_FITTED_CHARACTERS = 500_000;
const MOST_TOKENS = 64;

export interface NgramBaseline {
  readonly tokenizer: Tokenizer;
  readonly corpus: Counts;
  readonly weights: Weights;
}

export function fitNgrams(tokenizer: Tokenizer, training: readonly CorpusRepository[]): NgramBaseline {
  const random = randomSource(7);
  const mixed = shuffled(training, random);
  const small = mixed.filter(({ files }) => characters(files) <= MOST_FITTED_CHARACTERS);
  const fitted = new Set(small.slice(0, FITTED_REPOSITORIES));
  const corpus = new Counts(CORPUS_ORDER, 1 << 25);
  for (const repository of mixed.filter((one) => !fitted.has(one))) {
    let left = CORPUS_CHARACTERS / mixed.length;
    for (const { text } of shuffled(repository.files, random)) {
      if (left <= 0) break;
      append(corpus, tokenizer, text.slice(0, left));
      left -= text.length;
    }
  }
  const evidence = [...fitted].flatMap((repository) => {
    const { asked, others } = askedFiles(repository, FITTED_FILES);
    const counts = countsOf(tokenizer, others.files);
    return asked.flatMap(({ text }) => walk(tokenizer, { corpus, repository: counts }, text));
  });
  return { tokenizer, corpus, weights: fitWeights(evidence, tokenizer.vocabSize) };
}

function characters(files: readonly CorpusFile[]): number {
  return files.reduce((sum, { text }) => sum + text.length, 0);
}

export function countsOf(tokenizer: Tokenizer, files: readonly CorpusFile[]): Counts {
  const counts = new Counts(CACHE_ORDER);
  for (const { text } of files) append(counts, tokenizer, text);
  return counts;
}

/** A text that ends. */
function append(counts: Counts, tokenizer: Tokenizer, text: string): void {
  counts.beginText();
  for (const token of tokenizer.encode(text)) counts.push(token);
  const { endOfText } = tokenizer.special;
  if (endOfText !== undefined) counts.push(endOfText);
  counts.beginText();
}

/** What is known of each token of a file as it is written from its beginning to its end. */
function walk(tokenizer: Tokenizer, wider: Omit<Stores, "file">, text: string): Evidence[] {
  const stores = { ...wider, file: new Counts(CACHE_ORDER) };
  const context: number[] = [];
  return tokenizer.encode(text).map((token) => {
    const evidence = evidenceOf(stores, context, token);
    stores.file.push(token);
    context.push(token);
    if (context.length >= CACHE_ORDER) context.shift();
    return evidence;
  });
}

export function ngramBits(
  { tokenizer, corpus, weights }: NgramBaseline,
  repository: CorpusRepository,
  filesEach: number,
): ScoredFile[] {
  const { asked, others } = askedFiles(repository, filesEach);
  const counts = countsOf(tokenizer, others.files);
  const bitsAfter = (text: string, read: Counts): number =>
    walk(tokenizer, { corpus, repository: read }, text)
      .map((evidence) => -Math.log2(probability(evidence, weights, tokenizer.vocabSize)))
      .reduce((sum, bits) => sum + bits, 0);
  return asked.map(({ path, text }) => ({
    repository: repository.name,
    path,
    bytes: Buffer.byteLength(text),
    bits: { alone: bitsAfter(text, new Counts(CACHE_ORDER)), read: bitsAfter(text, counts) },
  }));
}

export function ngramAnswers(
  baseline: NgramBaseline,
  repository: CorpusRepository,
  placesEach: number,
  readsRepository: boolean,
): Answer[] {
  const places = placesIn(repository, placesEach);
  const read = readsRepository ? asOnDisk(repository, places, "absent").files : [];
  const counts = countsOf(baseline.tokenizer, read);
  return places.map((place) => {
    // Of the processor, which is the wall's on a quiet machine: one thread, and nothing waits.
    const begun = process.cpuUsage();
    const answer = completeLine(baseline, counts, place, 0);
    return answerTo(place, repository.name, { answer, ms: process.cpuUsage(begun).user / 1000 });
  });
}

/**
 * Greedy; the last token before the cursor is given back, and the first one must begin with its text. It ends before its
 * probability falls below the least one.
 */
export function completeLine(
  { tokenizer, corpus, weights }: NgramBaseline,
  repository: Counts,
  { before, after }: Pick<Place, "before" | "after">,
  leastProbability: number,
): string {
  const file = new Counts(CACHE_ORDER);
  append(file, tokenizer, after);
  const known = tokenizer.encode(before);
  const healed = tokenizer.bytesOf(known.pop() ?? 0);
  for (const token of known) file.push(token);
  const stores = { corpus, repository, file };
  let allowed: Iterable<number> = tokenizer.tokensBeginningWith(healed);
  const written: Uint8Array[] = [];
  let text = "";
  let likely = 1;
  for (;;) {
    const p = distribution(stores, weights, known.slice(1 - CACHE_ORDER), tokenizer.vocabSize);
    const { token, share } = mostLikely(p, allowed);
    likely *= share;
    if (likely < leastProbability) break;
    written.push(tokenizer.bytesOf(token));
    text = decodeWhole(concatBytes(written).subarray(healed.length));
    if (text.includes("\n") || written.length === MOST_TOKENS) break;
    allowed = p.keys();
    known.push(token);
    file.push(token);
  }
  return (text.split("\n", 1)[0] ?? "").trimEnd();
}

/** Of those allowed, and its share of their probability. */
function mostLikely(p: Float64Array, allowed: Iterable<number>): { token: number; share: number } {
  let best = -1;
  let sum = 0;
  for (const token of allowed) {
    sum += p[token] ?? 0;
    if (best < 0 || (p[token] ?? 0) > (p[best] ?? 0)) best = token;
  }
  return { token: best, share: (p[best] ?? 0) / sum };
}
