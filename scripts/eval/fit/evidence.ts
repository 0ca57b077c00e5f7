/** What is known when a token is predicted, as native/engine/mixture.cc sees it: levels of matches, and candidates. */
import type { Matches } from "../../../server/engine/engine.ts";

export const LENGTHS = [1, 2, 3, 4, 5, 7, 10, 16] as const;
export const SOURCES = ["kRepository", "kContext"] as const;
export const LEVELS = LENGTHS.flatMap((length) => SOURCES.map((source) => ({ length, source })));
/** Of a gate. */
export const GATE_FEATURES = 6;
const LEAST_LOG_PROB = -12;
const OF_MODEL = 16;

export type Source = (typeof SOURCES)[number];
export type Found = Readonly<Record<Source, Matches>>;

/** Of one length and source: the features of mixture.h, and the share of its weight that each candidate has. */
export interface Level {
  /** Row of LEVELS. */
  readonly row: number;
  readonly features: readonly number[];
  /** [candidate] */
  readonly shares: Float32Array;
}

/** The places of one source that a token followed; undefined: none. */
export type Sightings = Readonly<Record<"length" | "distance" | "alignment" | "weight", number>> | undefined;

export interface Candidate {
  readonly token: number;
  /** Number of TOKEN_KINDS. */
  readonly kind: number;
  /** Natural logarithm of its share of the repository. */
  readonly frequency: number;
  readonly modelLogProb: number;
  readonly seen: Readonly<Record<Source, Sightings>>;
}

export interface Evidence {
  /** The model's, of the right token. */
  readonly p: number;
  readonly best: number;
  /** Nats, of the likeliest tokens. */
  readonly entropy: number;
  /** Of the token before, number of TOKEN_KINDS. */
  readonly kindBefore: number;
  readonly levels: readonly Level[];
  /** Those that followed a match, and the model's likeliest. */
  readonly candidates: readonly Candidate[];
  /** Number of the right one; -1: none is. */
  readonly right: number;
}

export interface Facts {
  /** By token. */
  readonly kinds: Uint8Array;
  /** The token before. */
  readonly before: number;
  readonly frequencies: (tokens: Int32Array) => Float32Array;
}

/** logProbs: the model's. */
export function evidenceFor(token: number, found: Found, logProbs: Float32Array, facts: Facts): Evidence {
  const likeliest = likeliestOf(logProbs);
  const tokens = [...new Set([...SOURCES.flatMap((source) => [...found[source].next]), ...likeliest])];
  const numbers = new Map(tokens.map((one, i) => [one, i]));
  const logProb = (id: number) => logProbs[id] ?? Number.NaN;
  const best = logProb(likeliest[0] ?? 0);
  const levels: Level[] = [];
  for (const [row, { length, source }] of LEVELS.entries()) {
    const { count, weights } = weightsOf(found[source], length);
    if (count === 0) continue;
    const weight = [...weights.values()].reduce((sum, one) => sum + one, 0);
    const [heaviest] = [...weights].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
    const shares = new Float32Array(tokens.length);
    for (const [id, one] of weights) shares[numbers.get(id) ?? 0] = one / weight;
    const heaviestLogProb = Math.max(logProb(heaviest), LEAST_LOG_PROB);
    levels.push({
      row,
      features: [1, Math.log(count), Math.log(weight), Math.log(weights.size), best, heaviestLogProb],
      shares,
    });
  }
  const frequencies = facts.frequencies(Int32Array.from(tokens));
  const seen = { kRepository: sightingsIn(found.kRepository), kContext: sightingsIn(found.kContext) };
  return {
    p: Math.exp(logProb(token)),
    best,
    entropy: -likeliest.reduce((sum, id) => sum + Math.exp(logProb(id)) * logProb(id), 0),
    kindBefore: facts.kinds[facts.before] ?? 0,
    levels,
    candidates: tokens.map((id, i) => ({
      token: id,
      kind: facts.kinds[id] ?? 0,
      frequency: frequencies[i] ?? 0,
      modelLogProb: logProb(id),
      seen: { kRepository: seen.kRepository.get(id), kContext: seen.kContext.get(id) },
    })),
    right: numbers.get(token) ?? -1,
  };
}

/** In one pass, since a vocabulary may have a quarter of a million tokens; of equals the lower id comes first. */
export function likeliestOf(logProbs: Float32Array): number[] {
  const ids: number[] = [];
  const logProb = (id: number | undefined) => logProbs[id ?? -1] ?? Number.NEGATIVE_INFINITY;
  for (const [id, one] of logProbs.entries()) {
    if (ids.length === OF_MODEL && one <= logProb(ids.at(-1))) continue;
    const after = ids.findIndex((other) => logProb(other) < one);
    ids.splice(after < 0 ? ids.length : after, 0, id);
    if (ids.length > OF_MODEL) ids.pop();
  }
  return ids;
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

function sightingsIn({ next, length, distance, alignment, weight }: Matches) {
  const all = new Map<number, NonNullable<Sightings>>();
  for (const [i, token] of next.entries()) {
    const known = all.get(token) ?? {
      length: 0,
      distance: Number.POSITIVE_INFINITY,
      alignment: 0,
      weight: 1,
    };
    all.set(token, {
      length: Math.max(known.length, length[i] ?? 0),
      distance: Math.min(known.distance, distance[i] ?? 0),
      alignment: Math.max(known.alignment, alignment[i] ?? 0),
      weight: Math.max(known.weight, weight[i] ?? 0),
    });
  }
  return all;
}
