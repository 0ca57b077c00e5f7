/** How often decoded texts are right that the model gives a probability: a logistic regression, fitted by Newton's steps. */
import { endsOf, featuresOf } from "../../../server/completion/policy.ts";
import type { DecodedEdit } from "./decodings.ts";

const STEPS = 12;
/** Of a prior around no weight at all. */
const PRECISION = 5;

export interface Example {
  readonly features: readonly number[];
  readonly isRight: boolean;
}

/** An example a place where a decoded text may end. */
export function examplesOf(edits: readonly DecodedEdit[]): Example[] {
  return edits.flatMap(({ target, keys }) =>
    keys.flatMap(({ typed, slack, decoded }) => {
      if (!decoded || slack) return [];
      return endsOf(decoded).map(({ length, logProb }) => {
        const text = decoded.text.slice(0, length);
        return { features: featuresOf(text, logProb), isRight: target.startsWith(text, typed) };
      });
    }),
  );
}

export function fitWeights(examples: readonly Example[]): number[] {
  const size = examples[0]?.features.length ?? 0;
  let weights: number[] = new Array(size).fill(0);
  for (let step = 0; step < STEPS; step++) {
    const gradient = weights.map((weight) => -PRECISION * weight);
    const hessian = weights.map((_, i) => weights.map((_, j) => (i === j ? PRECISION : 0)));
    for (const { features, isRight } of examples) addExample(gradient, hessian, weights, features, isRight);
    const change = solve(hessian, gradient);
    weights = weights.map((weight, i) => weight + (change[i] ?? 0));
  }
  return weights;
}

function addExample(
  gradient: number[],
  hessian: number[][],
  weights: readonly number[],
  features: readonly number[],
  isRight: boolean,
): void {
  const probability = probabilityOf(weights, features);
  for (const [i, feature] of features.entries()) {
    gradient[i] = (gradient[i] ?? 0) + ((isRight ? 1 : 0) - probability) * feature;
    const row = hessian[i] ?? [];
    for (const [j, other] of features.entries())
      row[j] = (row[j] ?? 0) + probability * (1 - probability) * feature * other;
  }
}

/** Of A x = b, by Gauss and Jordan: A is small and positive definite. */
function solve(A: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = A.map((row, i) => [...row, b[i] ?? 0]);
  for (const [i, pivot] of rows.entries()) {
    const scale = pivot[i] ?? 1;
    for (const [j, row] of rows.entries()) {
      if (j === i) continue;
      const factor = (row[i] ?? 0) / scale;
      for (const [k, value] of pivot.entries()) row[k] = (row[k] ?? 0) - factor * value;
    }
  }
  return rows.map((row, i) => (row.at(-1) ?? 0) / (row[i] ?? 1));
}

/** Mean, in nats. */
export function logLoss(examples: readonly Example[], weights: readonly number[]): number {
  const losses = examples.map(({ features, isRight }) => {
    const probability = probabilityOf(weights, features);
    return -Math.log(Math.max(1e-9, isRight ? probability : 1 - probability));
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

function probabilityOf(weights: readonly number[], features: readonly number[]): number {
  return 1 / (1 + Math.exp(-features.reduce((sum, feature, i) => sum + feature * (weights[i] ?? 0), 0)));
}
