/** The files of the workspace's folders as they are now, in reading order, and their tokens. */
import { basename, relative, sep } from "node:path";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import { crawl, findFile, mayRead, type SourceFile } from "./crawl.ts";
import { reasonNotToRead } from "./fileRules.ts";
import { inReadingOrder, withinBudget } from "./order.ts";
import { type ReadText, readText } from "./readText.ts";
import { fileTokens, repositoryHeader } from "./stream.ts";

/** Before any file is tokenised: measured on mixed source code with a vocabulary of 4096. */
export const BYTES_PER_TOKEN = 2.9;

export interface WorkspaceFile extends SourceFile {
  /** Index of its folder. */
  readonly folder: number;
}

export interface SourceOptions {
  readonly exclude: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Folder after folder; together at most the budget. */
export async function listFiles(
  folders: readonly string[],
  budgetBytes: number,
  options: SourceOptions,
): Promise<WorkspaceFile[]> {
  const all: WorkspaceFile[] = [];
  for (const [folder, root] of folders.entries()) {
    const found = await crawl(root, options);
    const chosen = withinBudget(inReadingOrder(found), budgetBytes / folders.length);
    if (chosen.length < found.length) {
      options.log.info(`${root}: ${chosen.length} of ${found.length} files fit in the budget and are read.`);
    }
    for (const file of chosen) all.push({ ...file, folder });
  }
  return all;
}

/** What files are read with. */
export interface Reader {
  readonly tokenizer: Tokenizer;
  readonly log: Log;
  /** The text at a path; by default that on disk. */
  readonly textAt?: (path: string) => Promise<ReadText>;
}

export interface ReadSource {
  readonly file: WorkspaceFile;
  readonly hash: string;
  readonly tokens: readonly number[];
}

/** Reads and tokenises one file after the other; what cannot be read is logged and left out. */
export async function* tokenStream(
  reader: Reader,
  folders: readonly string[],
  files: readonly WorkspaceFile[],
  onRead: (source: ReadSource) => void,
): AsyncGenerator<readonly number[]> {
  let folder = -1;
  for (const file of files) {
    if (file.folder !== folder) {
      folder = file.folder;
      yield repositoryHeader(reader.tokenizer, folderName(folders[folder] ?? ""));
    }
    const source = await tokenise(reader, file);
    if (!source) continue;
    onRead(source);
    yield source.tokens;
  }
}

export async function tokenise(
  { tokenizer, log, textAt = readText }: Reader,
  file: WorkspaceFile,
): Promise<ReadSource | undefined> {
  const read = await textAt(file.path);
  if (read.kind === "skipped") {
    log.info(`${file.path} is skipped: it ${read.reason}.`);
    return undefined;
  }
  return { file, hash: read.hash, tokens: await fileTokens(tokenizer, file.relativePath, read.text) };
}

/** undefined when the path is in no folder, ignored, secret, or not a file any more. */
export async function findWorkspaceFile(
  folders: readonly string[],
  path: string,
  options: SourceOptions,
): Promise<WorkspaceFile | undefined> {
  for (const [folder, root] of folders.entries()) {
    const relativePath = pathInside(root, path);
    if (relativePath === undefined) continue;
    const file = await findFile(root, relativePath, options);
    return file && { ...file, folder };
  }
  return undefined;
}

/** "left out": by its name, or by what is ignored or excluded. */
export type FilePolicy = "read" | "left out" | "outside";

/** Of a path, whether or not a file is there yet. */
export async function policyOf(
  folders: readonly string[],
  path: string,
  exclude: readonly string[],
): Promise<FilePolicy> {
  for (const root of folders) {
    const relativePath = pathInside(root, path);
    if (relativePath === undefined) continue;
    return (await mayRead(root, relativePath, exclude)) ? "read" : "left out";
  }
  return reasonNotToRead(path.split(sep).join("/")) ? "left out" : "outside";
}

/** With forward slashes; undefined when the path is not below the root. */
export function pathInside(root: string, path: string): string | undefined {
  const inside = relative(root, path);
  if (inside === "" || inside.startsWith("..") || inside === path) return undefined;
  return inside.split(sep).join("/");
}

export function folderName(path: string): string {
  return basename(path) || "repository";
}
