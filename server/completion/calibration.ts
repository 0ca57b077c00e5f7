/** Weights of what policy.ts looks at, fitted on development edits and written by `./dev eval policy`. */
export const CALIBRATION: readonly number[] = [-0.45, 0.93, -1.1, -0.16];
