/** What a token's text begins with, for the network that weighs what was recalled (native/engine/correction.h). */

/** In the order in which the engine counts them (native/engine/token_facts.h). */
export const TOKEN_KINDS = [
  "special",
  "end of a line",
  "white space",
  "a new word",
  "a word, or its rest",
  "a digit",
  "a mark",
] as const;

export type TokenKind = (typeof TOKEN_KINDS)[number];

/** Of the bytes of a token: letters are those of ASCII, and whatever lies beyond it. */
export function kindOf(token: Uint8Array): TokenKind {
  if (token.length === 0) return "special";
  if (token.includes(0x0a)) return "end of a line";
  const first = token.findIndex((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0d);
  if (first < 0) return "white space";
  const byte = token[first] ?? 0;
  if (isLetter(byte)) return first > 0 ? "a new word" : "a word, or its rest";
  return byte >= 0x30 && byte <= 0x39 ? "a digit" : "a mark";
}

const isLetter = (byte: number) =>
  byte >= 0x80 || byte === 0x5f || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
