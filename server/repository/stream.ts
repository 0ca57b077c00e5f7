/** The repository as tokens: its name, then file after file, as the model was trained on it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Tokenizer } from "../engine/tokenizer.ts";

/** About 10 ms of tokenising; between pieces the event loop serves the editor. */
const PIECE_CHARACTERS = 8 * 1024;

export function repositoryHeader(tokenizer: Tokenizer, name: string): number[] {
  return marked(tokenizer.special.repoName, tokenizer.encode(`${name}\n`));
}

export function fileHeader(tokenizer: Tokenizer, relativePath: string): number[] {
  return marked(tokenizer.special.fileSep, tokenizer.encode(`${relativePath}\n`));
}

/** Models that were taught no mark read the line alone. */
function marked(mark: number | undefined, line: readonly number[]): number[] {
  return mark === undefined ? [...line] : [mark, ...line];
}

/** Tokens of a whole file with its header. */
export async function fileTokens(
  tokenizer: Tokenizer,
  relativePath: string,
  text: string,
): Promise<number[]> {
  const tokens = fileHeader(tokenizer, relativePath);
  for (const piece of cutAtLines(text, PIECE_CHARACTERS)) {
    for (const token of tokenizer.encode(piece)) tokens.push(token);
    await nextTurn();
  }
  return tokens;
}

/** Cuts only between two lines of text, where no token of a byte-level BPE reaches across; a longer run stays whole. */
export function* cutAtLines(text: string, characters: number): Generator<string> {
  const boundary = /\S\n(?=\S)/g;
  let start = 0;
  while (text.length - start > characters) {
    boundary.lastIndex = start + characters;
    const found = boundary.exec(text);
    if (!found) break;
    const end = found.index + 2;
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}
