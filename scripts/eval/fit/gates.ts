/** The gates of the mixture (native/engine/mixture.cc, kLevels). */
import { descended } from "./adam.ts";
import { type Evidence, GATE_FEATURES, LEVELS, type Level } from "./evidence.ts";

const STEPS = 400;
const RATE = 0.05;

/** [LEVELS][GATE_FEATURES] */
export type Gates = Float64Array;

export function gateOf({ row, features }: Level, gates: Gates): number {
  const x = features.reduce((sum, one, j) => sum + one * (gates[row * GATE_FEATURES + j] ?? 0), 0);
  return 1 / (1 + Math.exp(-x));
}

/** Of the right token; adds the gradient of the negative logarithm times `by` to `gradient`. */
export function mixedProbability(
  { p, levels, right }: Evidence,
  gates: Gates,
  gradient?: Gates,
  by = 1,
): number {
  const below = [p];
  const all = levels.map((level) => gateOf(level, gates));
  for (const [i, { shares }] of levels.entries()) {
    const g = all[i] ?? 0;
    below.push(g * (shares[right] ?? 0) + (1 - g) * (below[i] ?? 0));
  }
  const mixed = below.at(-1) ?? p;
  if (!gradient) return mixed;
  let carried = -by / mixed; // of the loss by what stands below the level at hand
  for (let i = levels.length - 1; i >= 0; i--) {
    const g = all[i] ?? 0;
    const { row = 0, features = [], shares } = levels[i] ?? {};
    const slope = carried * ((shares?.[right] ?? 0) - (below[i] ?? 0)) * g * (1 - g);
    for (const [j, feature] of features.entries()) {
      const at = row * GATE_FEATURES + j;
      gradient[at] = (gradient[at] ?? 0) + slope * feature;
    }
    carried *= 1 - g;
  }
  return mixed;
}

export function fittedGates(all: readonly Evidence[]): Gates {
  const start = new Float64Array(LEVELS.length * GATE_FEATURES);
  for (let row = 0; row < LEVELS.length; row++) start[row * GATE_FEATURES] = -2;
  return descended(start, {
    steps: STEPS,
    rate: RATE,
    addGradient: (gates, gradient) => {
      for (const one of all) mixedProbability(one, gates, gradient, 1 / all.length);
    },
  });
}
