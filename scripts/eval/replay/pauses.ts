/** Pauses between keys, drawn from a seed. */
import { randomSource } from "../random.ts";
import type { Clock } from "./session.ts";

/** Median and spread of the logarithm of pauses inside a text: some 55 words a minute, as office workers type. */
const MEDIAN_MS = 170;
const SIGMA = 0.45;

export function typingClock(seed: number): Clock {
  const random = randomSource(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return { pauseMs: () => MEDIAN_MS * Math.exp(SIGMA * normal()) };
}
