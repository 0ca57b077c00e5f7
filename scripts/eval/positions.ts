/** Bits a byte by how much of the repository was read before: each text counts where it stands. */
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { bitsOf } from "./bits.ts";
import { type Estimate, estimate } from "./random.ts";
import type { Condition, ScoredText } from "./reading.ts";

/** Tokens read before; the last bucket ends where the reading does. */
const EDGES = [0, 2, 4, 8, 16, 32, 64, 128].map((thousands) => thousands * 1024);
/** A text is cut into pieces, so that each token is counted within this much of its place. */
const PIECE_TOKENS = 512;

export interface PositionFigures {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly bitsPerByte: Readonly<Partial<Record<Condition, Estimate>>>;
}

export function positionFigures(tokenizer: Tokenizer, texts: readonly ScoredText[]): PositionFigures[] {
  const pieces = texts.flatMap((text) => piecesOf(tokenizer, text));
  return EDGES.slice(0, -1).flatMap((from, i) => {
    const to = EDGES[i + 1] ?? Number.POSITIVE_INFINITY;
    const inside = pieces.filter(({ position }) => position >= from && position < to);
    if (inside.length === 0) return [];
    const bytes = inside.map((piece) => piece.bytes);
    const bitsPerByte: Partial<Record<Condition, Estimate>> = {};
    for (const condition of ["alone", "read", "recalled"] as const) {
      const bits = inside.flatMap((piece) => piece.bits[condition] ?? []);
      if (bits.length > 0) bitsPerByte[condition] = estimate(bits, bytes);
    }
    return [{ from, to, bytes: bytes.reduce((sum, x) => sum + x, 0), bitsPerByte }];
  });
}

interface Piece {
  readonly position: number;
  readonly bytes: number;
  readonly bits: Partial<Record<Condition, number>>;
}

function piecesOf(tokenizer: Tokenizer, { position, tokens, headerLength, logProbs }: ScoredText): Piece[] {
  const pieces: Piece[] = [];
  for (let start = headerLength; start < tokens.length; start += PIECE_TOKENS) {
    const end = Math.min(tokens.length, start + PIECE_TOKENS);
    const bits: Partial<Record<Condition, number>> = {};
    for (const [condition, all] of Object.entries(logProbs)) {
      bits[condition as Condition] = bitsOf(all.subarray(start, end));
    }
    const bytes = tokens.slice(start, end).reduce((sum, id) => sum + tokenizer.bytesOf(id).length, 0);
    pieces.push({ position: position + start, bytes, bits });
  }
  return pieces;
}
