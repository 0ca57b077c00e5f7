/**
 * What a state reads: the beginnings of a few files, those that matter most last, since what is read last is remembered best.
 * All that the others say is in the index.
 */
import type { Tokenizer } from "../engine/tokenizer.ts";
import { inReadingOrder } from "./order.ts";
import { folderName, type WorkspaceFile } from "./sources.ts";
import { repositoryHeader } from "./stream.ts";

/** Of one file: more of it says less than another one. */
const TEXT_TOKENS = 2048;

export interface TailFile {
  readonly file: WorkspaceFile;
  /** Of its beginning, with its header. */
  readonly tokens: readonly number[];
}

export interface TailSources {
  readonly files: Iterable<WorkspaceFile>;
  readonly mostTokens: number;
  /** undefined where it cannot be read. */
  readonly beginningOf: (file: WorkspaceFile, mostTokens: number) => Promise<readonly number[] | undefined>;
}

/** In the order in which they are read. */
export async function tailOf({ files, mostTokens, beginningOf }: TailSources): Promise<TailFile[]> {
  const tail: TailFile[] = [];
  let left = mostTokens;
  for (const file of inReadingOrder([...files]).reverse()) {
    if (left < TEXT_TOKENS) break;
    const tokens = await beginningOf(file, TEXT_TOKENS);
    if (!tokens) continue;
    left -= tokens.length;
    tail.unshift({ file, tokens });
  }
  return byFolder(tail);
}

/** A repository's name stands before its first file. */
export function tokensOf(
  tail: readonly TailFile[],
  tokenizer: Tokenizer,
  paths: readonly string[],
): Int32Array {
  const tokens: number[] = [];
  for (const [i, { file, tokens: text }] of tail.entries()) {
    if (tail[i - 1]?.file.folder !== file.folder)
      tokens.push(...repositoryHeader(tokenizer, folderName(paths[file.folder] ?? "")));
    tokens.push(...text);
  }
  return Int32Array.from(tokens);
}

/** Folder after folder, that of the last file last. */
function byFolder(tail: readonly TailFile[]): TailFile[] {
  const folders = [...new Set(tail.map(({ file }) => file.folder).reverse())].reverse();
  return folders.flatMap((folder) => tail.filter(({ file }) => file.folder === folder));
}
