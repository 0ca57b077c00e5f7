/** The repository as tokens: its name, then file after file, as models are trained on it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Tokenizer } from "../engine/tokenizer.ts";

/** About 10 ms of tokenising; between pieces the event loop serves the editor. */
const PIECE_CHARACTERS = 8 * 1024;

/** None where the model was taught no mark: a name alone says nothing. */
export function repositoryHeader(tokenizer: Tokenizer, name: string): number[] {
  const { repoName } = tokenizer.special;
  return repoName === undefined ? [] : [repoName, ...tokenizer.encode(`${name}\n`)];
}

/** Where the model was taught no mark, a comment as it stands at the beginning of many a file. */
export function fileHeader(tokenizer: Tokenizer, relativePath: string): number[] {
  const { fileSep } = tokenizer.special;
  return fileSep === undefined
    ? tokenizer.encode(commentHeader(relativePath))
    : [fileSep, ...tokenizer.encode(`${relativePath}\n`)];
}

export function commentHeader(relativePath: string): string {
  return `${commentSign(relativePath)} ${relativePath}\n`;
}

/** By a file's ending; any other comment begins with "//". */
const COMMENT_SIGNS: Readonly<Record<string, string>> = {
  "#": "py pyi rb sh bash zsh fish pl pm r jl ex exs yml yaml toml cfg conf cmake mk dockerfile makefile nix tcl ps1",
  "--": "lua sql hs elm adb ads vhd",
  "%": "tex erl hrl m",
  ";": "clj cljs el lisp scm asm ini",
};
const SIGN_OF = new Map(
  Object.entries(COMMENT_SIGNS).flatMap(([sign, endings]) =>
    endings.split(" ").map((ending) => [ending, sign]),
  ),
);

function commentSign(relativePath: string): string {
  const name = relativePath.slice(relativePath.lastIndexOf("/") + 1);
  return SIGN_OF.get(name.slice(name.lastIndexOf(".") + 1).toLowerCase()) ?? "//";
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
