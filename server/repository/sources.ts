/** The files of the workspace's folders as they are now, in reading order, and their tokens. */
import { lstat } from "node:fs/promises";
import { basename } from "node:path";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import { type CrawlOptions, crawl, type SourceFile } from "./crawl.ts";
import type { FilePolicy } from "./filePolicy.ts";
import { inReadingOrder } from "./order.ts";
import { readShare } from "./readShare.ts";
import { type ReadText, readText } from "./readText.ts";
import { withoutSecretLines } from "./secretLines.ts";
import { fileTokens } from "./stream.ts";

/** Before any file is tokenised: measured on mixed source code with a vocabulary of 4096. */
export const BYTES_PER_TOKEN = 2.9;
/** Of a beginning no more is tokenised: where tokens are longer it has fewer of them. */
const BEGINNING_CHARACTERS_PER_TOKEN = 4;

export interface WorkspaceFile extends SourceFile {
  /** Index of its folder. */
  readonly folder: number;
}

/** Folder after folder. */
export async function listFiles(policy: FilePolicy, options: CrawlOptions): Promise<WorkspaceFile[]> {
  const all: WorkspaceFile[] = [];
  policy.refresh();
  for (const folder of policy.paths.keys()) {
    const found = await crawl(policy, folder, options);
    for (const file of inReadingOrder(found)) all.push({ ...file, folder });
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
  /** Without lines that hold secrets. */
  readonly text: string;
  readonly tokens: readonly number[];
}

/** The file, or its first tokens; what cannot be read is logged and left out. */
export async function tokenise(
  { tokenizer, log, textAt = readText }: Reader,
  file: WorkspaceFile,
  mostTokens = Number.POSITIVE_INFINITY,
): Promise<ReadSource | undefined> {
  const read = await textAt(file.path);
  if (read.kind === "skipped") {
    log.info(`${file.path} is skipped: it ${read.reason}.`);
    return undefined;
  }
  const text = (await withoutSecretLines(read.text)).slice(0, mostTokens * BEGINNING_CHARACTERS_PER_TOKEN);
  const tokens = await fileTokens(tokenizer, file.relativePath, text);
  return { file, hash: read.hash, text, tokens: tokens.slice(0, mostTokens) };
}

/** undefined when the policy leaves it out, and when there is no file any more. */
export async function findWorkspaceFile(
  policy: FilePolicy,
  path: string,
): Promise<WorkspaceFile | undefined> {
  const verdict = await policy.judge(path);
  const entry = verdict.kind === "read" ? await lstat(verdict.path).catch(() => undefined) : undefined;
  if (verdict.kind !== "read" || !entry?.isFile() || entry.size === 0) return undefined;
  const share = readShare(verdict.relativePath, entry.size);
  const { folder, relativePath } = verdict;
  if (share.kind === "skipped") return undefined;
  return { folder, path: verdict.path, relativePath, sizeBytes: share.bytes, modifiedMs: entry.mtimeMs };
}

export function folderName(path: string): string {
  return basename(path) || "repository";
}
