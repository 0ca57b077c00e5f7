/**
 * Fits the discounts and concentrations of the recall mixture (native/engine/recall.cc, kLevels) to training repositories,
 * and prints its table; then what it is worth on held-out ones, also against the same index without a model below it.
 * Usage: node scripts/eval/fit.ts [model folder]
 */

import type { Model, Recall } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import { type CorpusRepository, heldOutRepositories, trainingRepositories } from "./corpus.ts";
import { randomSource, shuffled } from "./random.ts";
import { readRepository } from "./reading.ts";

const LENGTHS = [2, 3, 4, 5, 7, 10, 16] as const;
const LONGEST = 32;
const REPOSITORIES = 16;
/** Over all parameters, at each step. */
const MOST_SWEEPS = 8;
const FILES_EACH = 3;
/** Small ones, so that many are seen. */
const MOST_CHARACTERS = 1_000_000;
const FILE_CHARACTERS = [1000, 16_000] as const;

/** What one token of a text tells: the model's probability, and for each length the counts c, u and c(token). */
interface Evidence {
  readonly p: number;
  readonly counts: readonly (readonly [total: number, kinds: number, right: number])[];
}

type Parameters = { discount: number; concentration: number }[];

const directory = process.argv[2] ?? EMBEDDED_MODEL_PATH;
const model = await loadNativeEngine(ADDON_PATH).loadModel(directory, { threads: chooseThreads(0) });
const tokenizer = await loadTokenizer(directory, model.info.vocabSize);
const known = await evidenceOf(trainingRepositories());
const heldOut = await evidenceOf(heldOutRepositories());
model.dispose();
const withModel = fitted(known);
print(withModel);
const without = (all: readonly Evidence[]) =>
  all.map(({ counts }) => ({ p: 1 / tokenizer.vocabSize, counts }));
report("model alone", loss(heldOut, []));
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
  const others = { ...repository, files: repository.files.filter((file) => !asked.includes(file)) };
  const { info } = of;
  const empty = of.initialState(Math.round(info.defaultHybridRatio * info.heads), info.attentionWindow);
  const recall = of.createRecall(MOST_CHARACTERS);
  const read = await readRepository(of, words, others, empty, recall);
  const found: Evidence[] = [];
  for (const { path, text } of asked) {
    const header = fileHeader(words, path);
    const tokens = [...header, ...words.encode(text)];
    const { logProbs } = await of.score(read, Int32Array.from(tokens), { priority: "background" });
    const own = of.createRecall(tokens.length + 2);
    own.append(Int32Array.from(header));
    for (let i = header.length; i < tokens.length; i++) {
      const context = Int32Array.from(tokens.slice(Math.max(0, i - LONGEST), i));
      found.push({
        p: Math.exp(logProbs[i] ?? Number.NaN),
        counts: countsOf([own, recall], context, tokens[i] ?? 0),
      });
      own.push(tokens[i] ?? 0);
    }
  }
  return found;
}

function countsOf(recalls: readonly Recall[], context: Int32Array, token: number): Evidence["counts"] {
  const matches = recalls.flatMap((recall) => [...recall.find(context)]);
  const counts: [number, number, number][] = [];
  for (const length of LENGTHS) {
    const followers = matches.filter((_, i) => i % 2 === 0 && (matches[i + 1] ?? 0) >= length);
    if (followers.length === 0) break;
    counts.push([
      followers.length,
      new Set(followers).size,
      followers.filter((next) => next === token).length,
    ]);
  }
  return counts;
}

/** Nats a token of the mixture. */
function loss(all: readonly Evidence[], parameters: Parameters): number {
  let sum = 0;
  for (const { p, counts } of all) {
    let mixed = p;
    for (const [level, { discount, concentration }] of parameters.entries()) {
      const [total, kinds, right] = counts[level] ?? [0, 0, 0];
      if (total === 0) break;
      const below = concentration + discount * kinds;
      mixed = (Math.max(right - discount, 0) + below * mixed) / (total + concentration);
    }
    sum -= Math.log(mixed);
  }
  return sum / all.length;
}

/** One parameter after the other, in steps that halve, until nothing helps any more. */
function fitted(all: readonly Evidence[]): Parameters {
  const parameters: Parameters = LENGTHS.map(() => ({ discount: 0.7, concentration: 2 }));
  let best = loss(all, parameters);
  for (let step = 0.5; step > 0.05; step /= 2) {
    const sweeps = Array.from({ length: MOST_SWEEPS }, () => parameters).flat();
    for (const level of sweeps) {
      for (const [name, move] of moves(step)) {
        const before = level[name];
        level[name] = move(before);
        const after = loss(all, parameters);
        if (after < best) best = after;
        else level[name] = before;
      }
    }
  }
  return parameters;
}

type Move = readonly [name: "discount" | "concentration", move: (x: number) => number];

function moves(step: number): Move[] {
  const towards = (x: number, end: number) => x + (end - x) * 0.5 * step;
  return [
    ["discount", (x) => towards(x, 1)],
    ["discount", (x) => towards(x, 0)],
    ["concentration", (x) => x * (1 + step)],
    ["concentration", (x) => x / (1 + step)],
  ];
}

function print(parameters: Parameters): void {
  const rows = parameters.map(
    ({ discount, concentration }, i) =>
      `{${LENGTHS[i]}, ${discount.toFixed(3)}f, ${concentration.toFixed(3)}f}`,
  );
  process.stdout.write(`constexpr Level kLevels[] = {${rows.join(", ")}};\n`);
}
