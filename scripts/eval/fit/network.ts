/** The network that corrects the likeliest tokens (native/engine/correction.cc), fitted on what the gates give. */
import { TOKEN_KINDS } from "../../../server/engine/tokenKinds.ts";
import { randomSource, shuffled } from "../random.ts";
import { descended } from "./adam.ts";
import type { Candidate, Evidence, Sightings } from "./evidence.ts";
import { type Gates, gateOf } from "./gates.ts";

export const UNITS = 32;
/** As in native/engine/mixture.cc and correction.cc. */
const CORRECTED = 24;
const NOWHERE = 14;
const MOST_NATS = 8;
const OUTLOOK_NUMBERS = 4;
const CANDIDATE_NUMBERS = 12;
const KINDS = TOKEN_KINDS.length;
/** Numbers, then a row a kind. */
export const OUTLOOK = OUTLOOK_NUMBERS + KINDS;
export const CANDIDATE = CANDIDATE_NUMBERS + KINDS;
const ROUNDS = 8;
const BATCH = 1024;
const RATE = 0.005;
/** Features are brought to about one before they meet the weights, which Adam's one rate wants. */
export const SCALES = [0.3, 0.2, 1, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.5, 0.5, 0.2] as const;

/** outlook [OUTLOOK][UNITS], candidate [CANDIDATE][UNITS], output [UNITS], bias. */
export type Network = Float64Array;
export const CANDIDATE_AT = OUTLOOK * UNITS;
export const OUTPUT_AT = CANDIDATE_AT + CANDIDATE * UNITS;
export const BIAS_AT = OUTPUT_AT + UNITS;

/** A token's prediction after the gates. */
export interface Mixed {
  readonly outlook: readonly number[];
  /** [candidates][CANDIDATE], scaled; the likeliest candidates. */
  readonly features: Float64Array;
  readonly probabilities: readonly number[];
  /** Number of the right one; -1: none is. */
  readonly right: number;
  /** Of the right token. */
  readonly probability: number;
}

export function mixed(
  { p, best, entropy, kindBefore, levels, candidates, right }: Evidence,
  gates: Gates,
): Mixed {
  const before = new Float64Array(candidates.length);
  let scale = 1;
  for (const level of levels) {
    const g = gateOf(level, gates);
    for (let i = 0; i < before.length; i++)
      before[i] = g * (level.shares[i] ?? 0) + (1 - g) * (before[i] ?? 0);
    scale *= 1 - g;
  }
  const all = candidates
    .map((candidate, number) => ({
      candidate,
      number,
      probability: (before[number] ?? 0) + scale * Math.exp(candidate.modelLogProb),
    }))
    .sort((a, b) => b.probability - a.probability || a.candidate.token - b.candidate.token);
  const likely = all.slice(0, CORRECTED);
  return {
    outlook: [1, best, entropy, Math.log(scale + 1e-3), ...ofKind(kindBefore)],
    features: Float64Array.from(likely.flatMap((one) => featuresOf(one.candidate, one.probability))),
    probabilities: likely.map(({ probability }) => probability),
    right: likely.findIndex(({ number }) => number === right),
    probability: all.find(({ number }) => number === right)?.probability ?? scale * p,
  };
}

const ofKind = (kind: number) => TOKEN_KINDS.map((_, i) => Number(i === kind));

function featuresOf({ kind, frequency, modelLogProb, seen }: Candidate, probability: number): number[] {
  const { kRepository: repository, kContext: context } = seen;
  const distance = (one: Sightings) => (one ? Math.log1p(one.distance) : NOWHERE);
  const features = [
    Math.log(Math.max(probability, 1e-7)),
    Math.max(modelLogProb, -16),
    probability,
    Math.log1p(repository?.length ?? 0),
    Math.log1p(context?.length ?? 0),
    distance(context),
    distance(repository),
    repository?.alignment ?? 0,
    context?.alignment ?? 0,
    Math.log(repository?.weight ?? 1),
    Math.log(context?.weight ?? 1),
    frequency,
  ];
  return [...features.map((feature, i) => feature * (SCALES[i] ?? 1)), ...ofKind(kind)];
}

/** Nats of the right token; adds their gradient times `by` to `gradient`. */
export function correctedLoss(one: Mixed, network: Network, gradient?: Network, by = 1): number {
  const { outlook, features, probabilities, right, probability } = one;
  const hidden = new Float64Array(probabilities.length * UNITS);
  const nats = probabilities.map((_, c) => {
    let sum = network[BIAS_AT] ?? 0;
    for (let unit = 0; unit < UNITS; unit++) {
      let x = 0;
      for (let i = 0; i < OUTLOOK; i++) x += (outlook[i] ?? 0) * (network[i * UNITS + unit] ?? 0);
      for (let i = 0; i < CANDIDATE; i++)
        x += (features[c * CANDIDATE + i] ?? 0) * (network[CANDIDATE_AT + i * UNITS + unit] ?? 0);
      hidden[c * UNITS + unit] = Math.max(0, x);
      sum += Math.max(0, x) * (network[OUTPUT_AT + unit] ?? 0);
    }
    return sum;
  });
  const corrected = probabilities.map((p, c) => p * Math.exp(clamped(nats[c] ?? 0)));
  const rest = Math.max(1 - probabilities.reduce((sum, p) => sum + p, 0), 1e-6);
  const all = corrected.reduce((sum, p) => sum + p, rest);
  const loss = Math.log(all) - Math.log(right < 0 ? probability : (corrected[right] ?? Number.NaN));
  if (gradient) {
    for (const [c, p] of corrected.entries()) {
      if (Math.abs(nats[c] ?? 0) >= MOST_NATS) continue;
      const slope = by * (p / all - (c === right ? 1 : 0));
      addSlope(one, c, hidden, network, gradient, slope);
    }
  }
  return loss;
}

const clamped = (nats: number) => Math.max(-MOST_NATS, Math.min(MOST_NATS, nats));

/** `slope`: of the loss by the logarithm of candidate c's factor. */
function addSlope(
  { outlook, features }: Mixed,
  c: number,
  hidden: Float64Array,
  network: Network,
  gradient: Network,
  slope: number,
): void {
  gradient[BIAS_AT] = (gradient[BIAS_AT] ?? 0) + slope;
  for (let unit = 0; unit < UNITS; unit++) {
    const h = hidden[c * UNITS + unit] ?? 0;
    if (h === 0) continue;
    gradient[OUTPUT_AT + unit] = (gradient[OUTPUT_AT + unit] ?? 0) + slope * h;
    const below = slope * (network[OUTPUT_AT + unit] ?? 0);
    for (let i = 0; i < OUTLOOK; i++) {
      const at = i * UNITS + unit;
      gradient[at] = (gradient[at] ?? 0) + below * (outlook[i] ?? 0);
    }
    for (let i = 0; i < CANDIDATE; i++) {
      const at = CANDIDATE_AT + i * UNITS + unit;
      gradient[at] = (gradient[at] ?? 0) + below * (features[c * CANDIDATE + i] ?? 0);
    }
  }
}

export function fittedNetwork(all: readonly Mixed[]): Network {
  const random = randomSource(7);
  const start = new Float64Array(BIAS_AT + 1);
  for (let at = 0; at < CANDIDATE_AT; at++) start[at] = random() - 0.5;
  for (let at = CANDIDATE_AT; at < OUTPUT_AT; at++) start[at] = 0.6 * (random() - 0.5);
  const batches = Math.max(1, Math.floor(all.length / BATCH));
  let order = all;
  return descended(start, {
    steps: ROUNDS * batches,
    rate: RATE,
    addGradient: (network, gradient, step) => {
      const batch = (step - 1) % batches;
      if (batch === 0) order = shuffled(all, random);
      const some = order.slice(batch * BATCH, (batch + 1) * BATCH);
      for (const one of some) correctedLoss(one, network, gradient, 1 / some.length);
    },
  });
}
