/** Finds the files of a folder that are worth reading. Lists only; contents are judged when they are read. */
import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Log, reasonOf } from "../log.ts";
import { isForeignFolder, reasonNotToRead } from "./fileRules.ts";
import { IgnoreRules } from "./ignoreRules.ts";
import { readShare } from "./readShare.ts";

/** A folder with more is a data dump or a home folder; the rest is left out. */
const MOST_FILES = 50_000;
const DEEPEST_FOLDER = 40;

export interface SourceFile {
  readonly path: string;
  /** To the folder, with forward slashes. */
  readonly relativePath: string;
  /** Of what is read. */
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface CrawlOptions {
  readonly exclude: readonly string[];
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** Each directory is awaited, so that the event loop never waits for more than one. */
export async function crawl(root: string, options: CrawlOptions): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  await enter({ root, options, files }, "", await IgnoreRules.forRoot(root, options.exclude), 0);
  if (files.length >= MOST_FILES) {
    options.log.warn(`${root} has more than ${MOST_FILES} files; only the first ones are read.`);
  }
  return files;
}

interface Walk {
  readonly root: string;
  readonly options: CrawlOptions;
  readonly files: SourceFile[];
}

async function enter(walk: Walk, folder: string, outer: IgnoreRules, depth: number): Promise<void> {
  const { root, options, files } = walk;
  const entries = await readFolder(walk, folder);
  const rules = entries.some((entry) => entry.name === ".gitignore")
    ? await outer.entering(root, folder)
    : outer;
  for (const entry of entries) {
    if (options.signal?.aborted || files.length >= MOST_FILES) return;
    const relativePath = folder + entry.name;
    // Links are not followed: inside the folder the walk reaches their target anyway, outside is not ours to read.
    if (entry.isDirectory() && depth < DEEPEST_FOLDER && !isForeignFolder(entry.name)) {
      if (!rules.ignores(`${relativePath}/`)) await enter(walk, `${relativePath}/`, rules, depth + 1);
    } else if (entry.isFile() && !reasonNotToRead(relativePath) && !rules.ignores(relativePath)) {
      await addFile(walk, relativePath);
    }
  }
}

async function readFolder(walk: Walk, folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(join(walk.root, folder), { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    walk.options.log.warn(`The folder ${join(walk.root, folder)} is skipped: ${reasonOf(cause)}`);
    return [];
  }
}

async function addFile(walk: Walk, relativePath: string): Promise<void> {
  const path = join(walk.root, relativePath);
  try {
    const { size, mtimeMs } = await lstat(path);
    if (size === 0) return;
    const share = readShare(relativePath, size);
    if (share.kind === "skipped") walk.options.log.info(`${path} is skipped: it ${share.reason}.`);
    else walk.files.push({ path, relativePath, sizeBytes: share.bytes, modifiedMs: mtimeMs });
  } catch (cause) {
    walk.options.log.info(`${path} is skipped: ${reasonOf(cause)}`);
  }
}

/** Whether a changed or new file would have been found by the crawl. */
export async function findFile(
  root: string,
  relativePath: string,
  options: CrawlOptions,
): Promise<SourceFile | undefined> {
  if (!(await mayRead(root, relativePath, options.exclude))) return undefined;
  const files: SourceFile[] = [];
  const entry = await lstat(join(root, relativePath)).catch(() => undefined);
  if (entry?.isFile()) await addFile({ root, options, files }, relativePath);
  return files[0];
}

/** Whether the crawl would read a file of this name, if it were there; its folders' rules are read again. */
export async function mayRead(
  root: string,
  relativePath: string,
  exclude: readonly string[],
): Promise<boolean> {
  if (reasonNotToRead(relativePath)) return false;
  const folders = relativePath.split("/").slice(0, -1);
  let rules = await (await IgnoreRules.forRoot(root, exclude)).entering(root, "");
  let folder = "";
  for (const name of folders) {
    folder += `${name}/`;
    if (isForeignFolder(name) || rules.ignores(folder)) return false;
    rules = await rules.entering(root, folder);
  }
  if (rules.ignores(relativePath)) return false;
  // Neither a link nor a folder.
  const entry = await lstat(join(root, relativePath)).catch(() => undefined);
  return entry === undefined || entry.isFile();
}
