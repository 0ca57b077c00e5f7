/** The rule to compare with: a line as far as the product of its tokens' probabilities is no less than a threshold. */
import type { DecodedHere } from "./decodings.ts";
import { cleaned, type Policy } from "./simulate.ts";

export function thresholdPolicy(threshold: number): Policy {
  return {
    choose: (decoded) => ({ text: cleaned(decoded, likelyPart(decoded, threshold)), cuts: [] }),
    afterRefusal: ({ text }) => text.length,
  };
}

function likelyPart({ text, pieces, next, isOpen }: DecodedHere, threshold: number): string {
  let logProb = 0;
  let end = 0;
  for (const piece of pieces) {
    logProb += piece.logProb;
    const written = text.slice(end, piece.end);
    if (logProb < Math.log(threshold)) return toWordEnd(text.slice(0, end), written);
    end = piece.end;
    if (written.includes("\n")) return text.slice(0, end).trimEnd();
  }
  return next !== undefined || isOpen ? toWordEnd(text, next) : text;
}

function toWordEnd(text: string, following: string | undefined): string {
  const goesOn = following === undefined || /^[\p{L}\p{N}_]/u.test(following);
  return goesOn ? text.replace(/[\p{L}\p{N}_]+$/u, "") : text;
}
