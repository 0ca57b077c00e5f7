/** Adam (arXiv 1412.6980), the rate falling to nothing. */

export interface Descent {
  readonly steps: number;
  readonly rate: number;
  /** Adds the gradient at `weights` to `gradient`, both of the same length. */
  readonly addGradient: (weights: Float64Array, gradient: Float64Array, step: number) => void;
}

export function descended(from: Float64Array, { steps, rate, addGradient }: Descent): Float64Array {
  const weights = from.slice();
  const first = new Float64Array(weights.length);
  const second = new Float64Array(weights.length);
  const gradient = new Float64Array(weights.length);
  for (let step = 1; step <= steps; step++) {
    gradient.fill(0);
    addGradient(weights, gradient, step);
    const rateNow = rate * (1 - step / (steps + 1));
    for (const [j, slope] of gradient.entries()) {
      const m = 0.9 * (first[j] ?? 0) + 0.1 * slope;
      const v = 0.999 * (second[j] ?? 0) + 0.001 * slope ** 2;
      first[j] = m;
      second[j] = v;
      const change = (rateNow * m) / (1 - 0.9 ** step) / (Math.sqrt(v / (1 - 0.999 ** step)) + 1e-8);
      weights[j] = (weights[j] ?? 0) - change;
    }
  }
  return weights;
}
