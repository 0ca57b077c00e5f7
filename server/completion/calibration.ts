/** Weights of what policy.ts looks at, fitted on development edits and written by `./dev eval policy`. */
export const CALIBRATION: readonly number[] = [-0.4, 0.95, -0.55, -0.08];
