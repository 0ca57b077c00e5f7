/** How a person types: pauses between keys and what comes between them, drawn from a seed. */
import { setTimeout as sleep } from "node:timers/promises";
import { randomSource } from "../random.ts";
import { asidesOf } from "./asides.ts";
import type { Writing } from "./typing.ts";

/** Median and spread of the logarithm of pauses inside a text: some 55 words a minute, as office workers type. */
const KEY = { medianMs: 170, sigma: 0.45 };
/** Before a line, and before the first key where the cursor was put. */
const LINE = { medianMs: 1000, sigma: 0.7 };
const JUMP = { medianMs: 2000, sigma: 0.6 };
/** As short as a jump may be: open documents are recalled as they are when nothing was typed for 400 ms. */
const SHORTEST_JUMP_MS = 600;
/** A text that stands for less could not be read: the shortest time in which a word is recognised. */
export const READABLE_MS = 300;
/** VS Code's own, files.autoSaveDelay. */
const AUTOSAVE_MS = 1000;

export const SPEEDS = ["fast", "human"] as const;
export type Speed = (typeof SPEEDS)[number];

export interface Pace {
  /** From a key to the next one. */
  readonly pauseMs: (written: Writing) => number;
  /** A text is taken when it has stood so long. */
  readonly readingMs: number;
  readonly asides: (writing: Writing) => readonly Writing[];
  /** From putting the cursor somewhere to the edit there. */
  readonly jump: () => Promise<void>;
  /** Absent where every answer is waited for and nothing else. */
  readonly real?: RealTime;
}

export type Wait = (ms: number) => Promise<void>;

/** The next key comes when it comes: a question that has no answer by then is cancelled. */
export interface RealTime {
  readonly wait: Wait;
  /** After the last key the document is saved; undefined: when the file is finished. */
  readonly savesAfterMs: number | undefined;
}

const realTime: Wait = async (ms) => sleep(ms);

/** As fast as answers come; pauses inside a text are only drawn, for how long another text would have stood. */
export function fastPace(seed: number, wait = realTime): Pace {
  const draw = drawn(randomSource(seed));
  const jump = () => wait(SHORTEST_JUMP_MS);
  return { pauseMs: () => draw(KEY), readingMs: 0, asides: () => [], jump };
}

/** At human speed. */
export function humanPace(seed: number, savesItself: boolean, wait = realTime): Pace {
  const random = randomSource(seed);
  const draw = drawn(random);
  return {
    pauseMs: ({ typed }) => draw(KEY) + (typed.endsWith("\n") ? draw(LINE) : 0),
    readingMs: READABLE_MS,
    asides: (writing) => asidesOf(writing, random),
    jump: () => wait(draw(JUMP)),
    real: { wait, savesAfterMs: savesItself ? AUTOSAVE_MS : undefined },
  };
}

/** Of a log-normal distribution. */
function drawn(random: () => number) {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return ({ medianMs, sigma }: typeof KEY): number => medianMs * Math.exp(sigma * normal());
}
