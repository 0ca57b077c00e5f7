/** From what the model wrote to what a person would keep: one rule a file, in this order. */
import { blank } from "./blank.ts";
import { bracketBalance } from "./bracketBalance.ts";
import { indentation } from "./indentation.ts";
import { lineFeeds } from "./lineFeeds.ts";
import { nextLines } from "./nextLines.ts";
import { repeatedLines } from "./repeatedLines.ts";
import { repeatedPieces } from "./repeatedPieces.ts";
import type { CleaningContext, Rule } from "./rule.ts";
import { suffixOverlap } from "./suffixOverlap.ts";
import { trailingSpace } from "./trailingSpace.ts";
import { wholeCharacters } from "./wholeCharacters.ts";

const RULES: readonly (readonly [name: string, rule: Rule])[] = [
  ["broken characters", wholeCharacters],
  ["line feeds", lineFeeds],
  ["indentation", indentation],
  ["bracket balance", bracketBalance],
  ["repeated pieces", repeatedPieces],
  ["repeated lines", repeatedLines],
  ["what follows already", suffixOverlap],
  ["the next line again", nextLines],
  ["trailing space", trailingSpace],
  ["blank", blank],
];

export interface Cleaned {
  readonly text: string;
  /** The rule that left nothing. */
  readonly droppedBy?: string;
}

export function clean(text: string, context: CleaningContext): Cleaned {
  let cleaned = text;
  for (const [name, rule] of RULES) {
    cleaned = rule(cleaned, context);
    if (cleaned === "") return { text: "", droppedBy: name };
  }
  return { text: cleaned };
}
