/**
 * Fits the gates of the recall mixture (native/engine/mixture.cc, kLevels) to training repositories by Adam (arXiv 1412.6980),
 * and prints its table; then what it is worth on held-out ones, also against the same index without a model below it.
 * Usage: node scripts/eval/fit.ts [model folder]
 */

import type { Matches, Model } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import { type CorpusRepository, heldOutRepositories, trainingRepositories } from "./corpus.ts";
import { randomSource, shuffled } from "./random.ts";

const LENGTHS = [1, 2, 3, 4, 5, 7, 10, 16] as const;
const SOURCES = ["kRepository", "kContext"] as const; // as in native/engine/mixture.cc
const LEVELS = LENGTHS.flatMap((length) => SOURCES.map((source) => ({ length, source })));
/** So many are looked at by Recall.find. */
const CONTEXT_TOKENS = 65;
/** Of a gate, as in native/engine/mixture.h. */
const FEATURES = 6;
const LEAST_LOG_PROB = -12;
const REPOSITORIES = 16;
const FILES_EACH = 2;
/** Small ones, so that many are seen. */
const MOST_CHARACTERS = 1_000_000;
const FILE_CHARACTERS = [1000, 8000] as const;
const STEPS = 500;
const RATE = 0.05;

type Source = (typeof SOURCES)[number];

/** Of one length and source: the features of mixture.h, and the share of its weight that the right token has. */
interface Level {
  /** Row of LEVELS. */
  readonly row: number;
  readonly features: readonly number[];
  readonly right: number;
}

/** What one token of a text tells: the model's probability, and the levels that have matches. */
interface Evidence {
  readonly p: number;
  readonly levels: readonly Level[];
}

/** [level][feature] */
type Weights = number[][];

const directory = process.argv[2] ?? EMBEDDED_MODEL_PATH;
const model = await loadNativeEngine(ADDON_PATH).loadModel(directory, { threads: chooseThreads(0) });
const tokenizer = await loadTokenizer(directory, model.info.vocabSize);
const known = await evidenceOf(trainingRepositories());
const heldOut = await evidenceOf(heldOutRepositories());
model.dispose();
const withModel = fitted(known);
print(withModel);
const without = (all: readonly Evidence[]) =>
  all.map(({ levels }) => ({
    p: 1 / tokenizer.vocabSize,
    levels: levels.map(({ row, features: [one = 1, count = 0, weight = 0, kinds = 0], right }) => ({
      row,
      features: [one, count, weight, kinds, 0, 0],
      right,
    })),
  }));
report("model alone", loss(heldOut, undefined));
report("index alone", loss(without(heldOut), fitted(without(known))));
report("both", loss(heldOut, withModel));

function report(name: string, nats: number): void {
  process.stderr.write(`held out, ${heldOut.length} tokens, ${name}: ${nats.toFixed(4)} nats a token\n`);
}

async function evidenceOf(repositories: readonly CorpusRepository[]): Promise<Evidence[]> {
  const small = repositories.filter(({ files }) => sizeOf(files) < MOST_CHARACTERS);
  const evidence: Evidence[] = [];
  for (const repository of shuffled(small, randomSource(5)).slice(0, REPOSITORIES)) {
    evidence.push(...(await gather(model, tokenizer, repository)));
    process.stderr.write(`${repository.name}: ${evidence.length} tokens so far\n`);
  }
  return evidence;
}

function sizeOf(files: CorpusRepository["files"]): number {
  return files.reduce((sum, { text }) => sum + text.length, 0);
}

async function gather(of: Model, words: Tokenizer, repository: CorpusRepository): Promise<Evidence[]> {
  const [least, most] = FILE_CHARACTERS;
  const asked = shuffled(repository.files, randomSource(6))
    .filter(({ text }) => text.length >= least && text.length <= most)
    .slice(0, FILES_EACH);
  const recall = of.createRecall(MOST_CHARACTERS);
  for (const { path, text } of repository.files.filter((file) => !asked.includes(file))) {
    recall.append(Int32Array.from([...fileHeader(words, path), ...words.encode(text)]));
  }
  const { info } = of;
  // The state need not have read the repository: for the gates it makes no difference, and this is faster.
  const empty = of.initialState(Math.round(info.defaultHybridRatio * info.heads), info.attentionWindow);
  const found: Evidence[] = [];
  for (const { path, text } of asked) {
    const header = fileHeader(words, path);
    const tokens = [...header, ...words.encode(text)];
    const own = of.createRecall(tokens.length + 2);
    own.append(Int32Array.from(header));
    let state = empty;
    for (const [i, token] of tokens.entries()) {
      if (i >= header.length) {
        const context = Int32Array.from(tokens.slice(Math.max(0, i - CONTEXT_TOKENS), i));
        const matches = { kRepository: recall.find(context), kContext: own.find(context) };
        const [logProbs] = await of.logProbs([state], { priority: "background" });
        if (!logProbs) throw new Error("The engine gave no probabilities.");
        found.push(evidenceFor(token, matches, logProbs));
        own.push(token);
      }
      const [next] = await of.advance(state, Int32Array.of(token), { priority: "background" });
      if (!next) throw new Error("The engine gave no state.");
      if (state !== empty) state.dispose();
      state = next;
    }
  }
  return found;
}

/** logProbs: the model's. */
function evidenceFor(token: number, matches: Record<Source, Matches>, logProbs: Float32Array): Evidence {
  const logProb = (id: number) => Math.max(logProbs[id] ?? Number.NaN, LEAST_LOG_PROB);
  const best = logProbs.reduce((a, b) => Math.max(a, b));
  const levels: Level[] = [];
  for (const [row, { length, source }] of LEVELS.entries()) {
    const { count, weights } = weightsOf(matches[source], length);
    if (count === 0) continue;
    const weight = [...weights.values()].reduce((sum, one) => sum + one, 0);
    const [heaviest] = [...weights].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
    levels.push({
      row,
      features: [1, Math.log(count), Math.log(weight), Math.log(weights.size), best, logProb(heaviest)],
      right: (weights.get(token) ?? 0) / weight,
    });
  }
  return { p: Math.exp(logProbs[token] ?? Number.NaN), levels };
}

/** How many matches of at least this length there are, and how much they weigh for each token that followed. */
function weightsOf({ next, length, weight }: Matches, least: number) {
  const weights = new Map<number, number>();
  let count = 0;
  for (const [i, token] of next.entries()) {
    if ((length[i] ?? 0) < least) continue;
    count++;
    weights.set(token, (weights.get(token) ?? 0) + (weight[i] ?? 0));
  }
  return { count, weights };
}

/** Nats a token of the mixture, or of the model alone; adds the gradient of their sum to `gradient`. */
function loss(all: readonly Evidence[], weights: Weights | undefined, gradient?: Weights): number {
  let sum = 0;
  for (const { p, levels } of all) {
    const below = [p];
    const gates = levels.map(({ features, row }) => gate(features, weights?.[row]));
    for (const [i, { right }] of levels.entries()) {
      const g = gates[i] ?? 0;
      below.push(g * right + (1 - g) * (below[i] ?? 0));
    }
    const mixed = below.at(-1) ?? p;
    sum -= Math.log(mixed);
    if (!gradient) continue;
    let carried = -1 / mixed; // of the loss by what stands below the level at hand
    for (let i = levels.length - 1; i >= 0; i--) {
      const g = gates[i] ?? 0;
      const { row = 0, features = [], right = 0 } = levels[i] ?? {};
      const slope = carried * (right - (below[i] ?? 0)) * g * (1 - g);
      const slopes = gradient[row] ?? [];
      for (const [j, feature] of features.entries()) slopes[j] = (slopes[j] ?? 0) + slope * feature;
      carried *= 1 - g;
    }
  }
  return sum / all.length;
}

function gate(features: readonly number[], weights: readonly number[] | undefined): number {
  if (!weights) return 0;
  return 1 / (1 + Math.exp(-features.reduce((x, feature, j) => x + feature * (weights[j] ?? 0), 0)));
}

function fitted(all: readonly Evidence[]): Weights {
  const zeros = () => LEVELS.map((): number[] => new Array(FEATURES).fill(0));
  const weights = zeros().map(([, ...others]) => [-1, ...others]);
  const first = zeros();
  const second = zeros();
  for (let step = 1; step <= STEPS; step++) {
    const gradient = zeros();
    loss(all, weights, gradient);
    const rate = RATE * (1 - step / (STEPS + 1));
    for (const [i, row] of weights.entries()) {
      for (const [j, weight] of row.entries()) {
        const slope = (gradient[i]?.[j] ?? 0) / all.length;
        const m = 0.9 * (first[i]?.[j] ?? 0) + 0.1 * slope;
        const v = 0.999 * (second[i]?.[j] ?? 0) + 0.001 * slope ** 2;
        (first[i] as number[])[j] = m;
        (second[i] as number[])[j] = v;
        row[j] = weight - (rate * m) / (1 - 0.9 ** step) / (Math.sqrt(v / (1 - 0.999 ** step)) + 1e-8);
      }
    }
  }
  return weights;
}

function print(weights: Weights): void {
  const rows = weights.map((row, i) => {
    const { length, source } = LEVELS[i] as (typeof LEVELS)[number];
    return `    {${length}, Source::${source}, {${row.map((w) => `${w.toFixed(3)}f`).join(", ")}}},\n`;
  });
  process.stdout.write(`constexpr Level kLevels[] = {\n${rows.join("")}};\n`);
}
