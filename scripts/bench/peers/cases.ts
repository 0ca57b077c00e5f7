/** What is raced: how the contexts come before the one that is timed, and how many tokens follow it. */
import { randomTokens } from "../measure.ts";
import type { Racer } from "./racer.ts";

/** Of the context that keystrokes go into; what stands after the cursor; what an editor shows of a completion; ten characters. */
const CONTEXT = 1024;
const AFTER = 256;
const SHOWN = 16;
const TEN_CHARACTERS = 4;
const EDITED_BACK = 512;
const DECODED = 64;

export interface Case {
  readonly name: string;
  /** Most tokens at once, with what is written. */
  readonly tokens: number;
  readonly isLong?: boolean;
  /** Fewer of what takes long. */
  readonly rounds: number;
  /** Before the clock starts. The seed is the round's. */
  prepare(racer: Racer, vocabulary: number, seed: number): Promise<void>;
  time(racer: Racer, vocabulary: number, seed: number): Promise<void>;
}

function context(length: number, vocabulary: number, seed = 1): number[] {
  return [...randomTokens(length, vocabulary, seed)];
}

/** Another one each round, so that nothing is known of it from the round before. */
function newToken(seed: number): number {
  return 9 + (seed % 64);
}

function reading(tokens: number, rounds: number, isLong = false): Case {
  return {
    name: `read ${tokens}`,
    tokens,
    isLong,
    rounds,
    prepare: (racer) => racer.forget(),
    time: (racer, vocabulary, seed) => racer.write(context(tokens, vocabulary, seed), 1),
  };
}

/** From the context of before to the one now, both completed: `change` has the context, and a token that it had not there. */
function keystroke(
  name: string,
  before: (context: readonly number[]) => readonly (readonly number[])[],
  change: (context: readonly number[], token: number) => readonly number[],
): Case {
  return {
    name,
    tokens: CONTEXT + TEN_CHARACTERS + SHOWN,
    rounds: 7,
    async prepare(racer, vocabulary) {
      for (const one of before(context(CONTEXT, vocabulary))) await racer.write(one, SHOWN);
    },
    time: (racer, vocabulary, seed) => racer.write(change(context(CONTEXT, vocabulary), newToken(seed)), 1),
  };
}

export const CASES: readonly Case[] = [
  reading(512, 7),
  reading(4096, 5),
  reading(32_768, 3, true),
  {
    name: `decode ${DECODED}`,
    tokens: CONTEXT + DECODED + 1,
    rounds: 7,
    prepare: (racer, vocabulary) => racer.write(context(CONTEXT, vocabulary), 1),
    time: (racer, vocabulary, seed) =>
      racer.write([...context(CONTEXT, vocabulary), newToken(seed)], DECODED),
  },
  keystroke(
    "one character typed",
    (all) => [all],
    (all, token) => [...all, token],
  ),
  {
    name: "one character typed, text after it",
    tokens: CONTEXT + AFTER + SHOWN,
    rounds: 7,
    prepare: (racer, vocabulary) =>
      racer.fill(context(CONTEXT, vocabulary), context(AFTER, vocabulary, 2), SHOWN),
    time: (racer, vocabulary, seed) =>
      racer.fill([...context(CONTEXT, vocabulary), newToken(seed)], context(AFTER, vocabulary, 2), 1),
  },
  keystroke(
    "ten characters deleted",
    (all) =>
      Array.from({ length: TEN_CHARACTERS + 1 }, (_, typed) =>
        all.slice(0, CONTEXT - TEN_CHARACTERS + typed),
      ),
    (all, token) => [...all.slice(0, CONTEXT - TEN_CHARACTERS), token],
  ),
  keystroke(
    `an edit ${EDITED_BACK} tokens back`,
    (all) => [all],
    (all, token) => all.with(CONTEXT - EDITED_BACK, token),
  ),
];
