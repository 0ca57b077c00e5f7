/** Weights of what policy.ts looks at, fitted on development edits and written by `./dev eval policy`. */
export const CALIBRATION: readonly number[] = [-0.3, 0.9, -0.75, -0.17];
