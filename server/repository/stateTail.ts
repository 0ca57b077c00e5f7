/**
 * What a state reads: the beginnings of a few files, those that bear most on the document at hand last, since what is read
 * last is remembered best. All that the others say is in the index. Imports and paths tell which files are near, the tokens
 * that two texts have in common which of those are alike.
 */
import { posix } from "node:path";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { importedBy } from "./imports.ts";
import { inReadingOrder } from "./order.ts";
import { folderName, type WorkspaceFile } from "./sources.ts";
import { fileTokens, repositoryHeader } from "./stream.ts";

/** Of one file: more of it says less than another one. Where few tokens are read, they are of four files all the same. */
const TEXT_TOKENS = 1024;
const LEAST_FILES = 4;
/** So many are compared with the document, which takes a tenth of a second. */
const NEAR_FILES = 24;
/** Of the document: its imports and the names that it begins with. */
const COMPARED_CHARACTERS = 16_384;

/** The document that a person is at. */
export interface Focus {
  readonly uri: string;
  /** Within its folder, with forward slashes. */
  readonly relativePath: string;
  readonly languageId: string;
  readonly text: string;
}

export interface TailFile {
  readonly file: WorkspaceFile;
  /** Of its beginning, with its header. */
  readonly tokens: readonly number[];
}

export interface TailSources {
  readonly files: Iterable<WorkspaceFile>;
  /** undefined: nobody knows; then the files that changed last are read last. */
  readonly focus: Focus | undefined;
  readonly mostTokens: number;
  readonly tokenizer: Tokenizer;
  /** undefined where it cannot be read. */
  readonly beginningOf: (file: WorkspaceFile, mostTokens: number) => Promise<readonly number[] | undefined>;
}

/** In the order in which they are read. */
export async function tailOf({ mostTokens, beginningOf, ...sources }: TailSources): Promise<TailFile[]> {
  const textTokens = Math.min(TEXT_TOKENS, Math.ceil(mostTokens / LEAST_FILES));
  const read = async (file: WorkspaceFile): Promise<TailFile[]> => {
    const tokens = await beginningOf(file, textTokens);
    return tokens ? [{ file, tokens }] : [];
  };
  const tail: TailFile[] = [];
  let left = mostTokens;
  for await (const one of byRelevance(sources, read)) {
    left -= one.tokens.length;
    tail.unshift(one);
    if (left < textTokens) break;
  }
  return byFolder(tail);
}

/** The most relevant first. */
async function* byRelevance(
  { files, focus, tokenizer }: Pick<TailSources, "files" | "focus" | "tokenizer">,
  read: (file: WorkspaceFile) => Promise<TailFile[]>,
): AsyncGenerator<TailFile> {
  const near = new Set(focus ? nearest([...files], focus) : []);
  if (focus) {
    const compared: TailFile[] = [];
    for (const file of near) compared.push(...(await read(file)));
    const { relativePath, text } = focus;
    yield* byLikeness(
      compared,
      await fileTokens(tokenizer, relativePath, text.slice(0, COMPARED_CHARACTERS)),
    );
  }
  for (const file of inReadingOrder([...files]).reverse())
    if (!near.has(file) && file.relativePath !== focus?.relativePath) yield* await read(file);
}

/** What it imports, then what is the fewest steps away from its folder, of equals what changed last. */
export function nearest(files: readonly WorkspaceFile[], focus: Focus): WorkspaceFile[] {
  const imports = importedBy(focus);
  const from = posix.dirname(focus.relativePath).split("/");
  const distanceOf = ({ relativePath }: WorkspaceFile) =>
    imports(relativePath) ? 0 : 1 + steps(from, posix.dirname(relativePath).split("/"));
  return files
    .filter(({ relativePath }) => relativePath !== focus.relativePath)
    .map((file) => ({ file, distance: distanceOf(file) }))
    .sort((a, b) => a.distance - b.distance || b.file.modifiedMs - a.file.modifiedMs)
    .slice(0, NEAR_FILES)
    .map(({ file }) => file);
}

function steps(from: readonly string[], to: readonly string[]): number {
  let common = 0;
  while (common < from.length && from[common] === to[common]) common++;
  return from.length + to.length - 2 * common;
}

/** By the cosine of two sets of tokens, each weighed by its rarity among the files; the likest first. */
export function byLikeness(files: readonly TailFile[], wanted: readonly number[]): TailFile[] {
  const bags = files.map((file) => ({ file, bag: new Set(file.tokens) }));
  const counts = new Map<number, number>();
  for (const { bag } of bags) for (const token of bag) counts.set(token, 1 + (counts.get(token) ?? 0));
  const weightOf = (token: number) => Math.log(1 + files.length / (1 + (counts.get(token) ?? 0))) ** 2;
  const own = new Set(wanted);
  const likenessTo = (bag: ReadonlySet<number>): number => {
    let [common, all] = [0, 0];
    for (const token of bag) {
      const weight = weightOf(token);
      all += weight;
      if (own.has(token)) common += weight;
    }
    return all > 0 ? common / Math.sqrt(all) : 0;
  };
  return bags
    .map(({ file, bag }) => ({ file, likeness: likenessTo(bag) }))
    .sort((a, b) => b.likeness - a.likeness)
    .map(({ file }) => file);
}

/** Folder after folder, that of the last file last. */
function byFolder(tail: readonly TailFile[]): TailFile[] {
  const folders = [...new Set(tail.map(({ file }) => file.folder).reverse())].reverse();
  return folders.flatMap((folder) => tail.filter(({ file }) => file.folder === folder));
}

/** Of the tail, from the text's beginning; a repository's name stands before its first file. */
export function tokensOf(
  tail: readonly TailFile[],
  tokenizer: Tokenizer,
  paths: readonly string[],
): Int32Array {
  const tokens: number[] = tail.length > 0 ? [...tokenizer.beginning] : [];
  for (const [i, { file, tokens: text }] of tail.entries()) {
    if (tail[i - 1]?.file.folder !== file.folder)
      tokens.push(...repositoryHeader(tokenizer, folderName(paths[file.folder] ?? "")));
    for (const token of text) tokens.push(token);
  }
  return Int32Array.from(tokens);
}
