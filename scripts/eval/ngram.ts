/**
 * Nested n-grams by deleted interpolation (Jelinek and Mercer 1980): counts of a corpus, above them counts of the repository,
 * above them counts of the file (the nested cache of Hellendoorn and Devanbu 2017). The tokens are the model's own: a closed
 * vocabulary, so that every text has a probability without a model of spelling, and a cursor may stand inside a word.
 */
import { type Counts, EMPTY_A, EMPTY_B, extendA, extendB } from "./counts.ts";

/** From the widest to the narrowest. The file's is still being written: its last tokens are followed by nothing yet. */
export interface Stores {
  readonly corpus: Counts;
  readonly repository: Counts;
  readonly file: Counts;
}

const NAMES = ["corpus", "repository", "file"] as const;
const BUCKETS = 10;

/** weights[store][length of the context][bucket of its count]: the share of what followed it there. */
export type Weights = number[][][];

/** One context that was seen: its place among the weights, its count, its length and the store. */
interface Level {
  readonly store: Counts;
  readonly index: readonly [store: number, length: number, bucket: number];
  readonly count: number;
}

/** One token of a text: for each level, from the widest, its index and the share of the token among what followed. */
export type Evidence = readonly (readonly [Level["index"], share: number])[];

export function evenWeights(): Weights {
  return NAMES.map(() => Array.from({ length: 32 }, () => new Array<number>(BUCKETS).fill(0.5)));
}

/** Contexts of the last tokens, up to the longest that was seen, in each store. */
function levelsOf(stores: Stores, context: readonly number[]): Level[] {
  const levels: Level[] = [];
  for (const [index, name] of NAMES.entries()) {
    const store = stores[name];
    let a = EMPTY_A;
    let b = EMPTY_B;
    for (let length = 0; length < store.order && length <= context.length; length++) {
      if (length > 0) {
        const token = context[context.length - length] ?? 0;
        a = extendA(a, token);
        b = extendB(b, token);
      }
      const count = length === 0 ? store.total : store.of(a, b) - (name === "file" ? 1 : 0);
      if (count <= 0) break;
      levels.push({
        store,
        index: [index, length, Math.min(BUCKETS - 1, Math.floor(Math.log2(count)))],
        count,
      });
    }
  }
  return levels;
}

export function evidenceOf(stores: Stores, context: readonly number[], token: number): Evidence {
  return levelsOf(stores, context).map(({ store, index, count }) => {
    let a = extendA(EMPTY_A, token);
    let b = extendB(EMPTY_B, token);
    for (let back = 1; back <= index[1]; back++) {
      a = extendA(a, context[context.length - back] ?? 0);
      b = extendB(b, context[context.length - back] ?? 0);
    }
    return [index, store.of(a, b) / count];
  });
}

export function probability(evidence: Evidence, weights: Weights, vocabSize: number): number {
  let p = 1 / vocabSize;
  for (const [[store, length, bucket], share] of evidence) {
    const weight = weights[store]?.[length]?.[bucket] ?? 0;
    p = weight * share + (1 - weight) * p;
  }
  return p;
}

/** Of every token after the context. */
export function distribution(
  stores: Stores,
  weights: Weights,
  context: readonly number[],
  vocabSize: number,
): Float64Array {
  const p = new Float64Array(vocabSize).fill(1 / vocabSize);
  const a = new Uint32Array(vocabSize);
  const b = new Uint32Array(vocabSize);
  for (const { store, index, count } of levelsOf(stores, context)) {
    const [name, length, bucket] = index;
    const weight = weights[name]?.[length]?.[bucket] ?? 0;
    const oldest = context[context.length - length] ?? 0;
    for (let token = 0; token < vocabSize; token++) {
      a[token] = length === 0 ? extendA(EMPTY_A, token) : extendA(a[token] ?? 0, oldest);
      b[token] = length === 0 ? extendB(EMPTY_B, token) : extendB(b[token] ?? 0, oldest);
      const share = store.of(a[token] ?? 0, b[token] ?? 0) / count;
      p[token] = weight * share + (1 - weight) * (p[token] ?? 0);
    }
  }
  return p;
}

/** Expectation maximisation: a weight becomes the expected share of times that its level, once reached, gave the token. */
export function fitWeights(all: readonly Evidence[], vocabSize: number, rounds = 12): Weights {
  let weights = evenWeights();
  for (let round = 0; round < rounds; round++) {
    const chosen = evenWeights().map((store) => store.map((row) => row.map(() => 0)));
    const reached = structuredClone(chosen);
    for (const evidence of all) expect(evidence, weights, vocabSize, chosen, reached);
    weights = weights.map((store, s) =>
      store.map((row, length) =>
        row.map((weight, bucket) => {
          const times = reached[s]?.[length]?.[bucket] ?? 0;
          // A bucket that was hardly ever seen keeps near what it had.
          return ((chosen[s]?.[length]?.[bucket] ?? 0) + weight) / (times + 1);
        }),
      ),
    );
  }
  return weights;
}

/** Adds one token's expectations, walking from the narrowest level to the widest. */
function expect(
  evidence: Evidence,
  weights: Weights,
  vocabSize: number,
  chosen: Weights,
  reached: Weights,
): void {
  const below = [1 / vocabSize];
  for (const [[store, length, bucket], share] of evidence) {
    const weight = weights[store]?.[length]?.[bucket] ?? 0;
    below.push(weight * share + (1 - weight) * (below.at(-1) ?? 0));
  }
  let reach = 1;
  for (let level = evidence.length - 1; level >= 0; level--) {
    const [[store, length, bucket], share] = evidence[level] ?? [[0, 0, 0], 0];
    const weight = weights[store]?.[length]?.[bucket] ?? 0;
    const here = (weight * share) / (below[level + 1] ?? 1);
    const chosenRow = chosen[store]?.[length];
    const reachedRow = reached[store]?.[length];
    if (!chosenRow || !reachedRow) return;
    chosenRow[bucket] = (chosenRow[bucket] ?? 0) + reach * here;
    reachedRow[bucket] = (reachedRow[bucket] ?? 0) + reach;
    reach *= 1 - here;
  }
}
