/** Weights of what policy.ts looks at, fitted on development edits and written by `./dev eval policy`. */
export const CALIBRATION: readonly number[] = [-0.37, 0.84, -0.68, 0];
