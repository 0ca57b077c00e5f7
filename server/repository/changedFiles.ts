/** What a batch of paths comes to: files that say something else than was read, and files that are gone. */
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { throwIfCancelled } from "../engine/engine.ts";
import type { KnownFiles } from "./comparison.ts";
import type { ReadText } from "./readText.ts";
import type { WorkspaceFile } from "./sources.ts";

/** For more paths listing all files is less work than asking the rules about each. */
const MOST_ASKED = 100;

export interface Changes {
  readonly changed: readonly WorkspaceFile[];
  /** They say what they said. */
  readonly same: readonly WorkspaceFile[];
  readonly gone: readonly string[];
}

export interface ChangeSources {
  readonly known: KnownFiles;
  /** All files that are read, in reading order. */
  readonly list: () => Promise<readonly WorkspaceFile[]>;
  /** undefined: no file, or one that is not read. */
  readonly find: (path: string) => Promise<WorkspaceFile | undefined>;
  readonly textAt: (path: string) => Promise<ReadText>;
}

/** A folder's path stands for all files below it, those that were there and those that are. */
export async function changedFiles(
  paths: readonly string[],
  sources: ChangeSources,
  signal: AbortSignal,
): Promise<Changes> {
  const { known, list, find, textAt } = sources;
  const { files, folders } = await told(paths);
  const gone = new Set<string>();
  const candidates = new Set(files);
  const below = isBelow(new Set([...files, ...folders]));
  for (const path of known.keys()) if (below(path)) candidates.add(path);
  const listed = folders.length > 0 || candidates.size > MOST_ASKED ? await list() : undefined;
  // Asked together, the rules take one look for all.
  const found = listed ?? (await Promise.all([...candidates].map(find))).filter((file) => file !== undefined);
  // What is found may be where a link led.
  for (const { path } of found) if (!listed || below(path)) candidates.add(path);
  const byPath = new Map(found.map((file) => [file.path, file]));
  const changed: WorkspaceFile[] = [];
  const same: WorkspaceFile[] = [];
  for (const path of candidates) {
    throwIfCancelled(signal);
    const file = byPath.get(path);
    const read = file && (await textAt(path));
    if (!file || read?.kind !== "text") gone.add(path);
    else if (known.get(path)?.hash === read.hash) same.push(file);
    else changed.push(file);
  }
  return { changed: listed ? inOrderOf(listed, changed) : changed, same, gone: [...gone] };
}

/** What is there no more may have been a folder. */
async function told(paths: readonly string[]): Promise<{ files: string[]; folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [];
  for (const path of paths) {
    const entry = await lstat(path).catch(() => undefined);
    (entry?.isDirectory() ? folders : files).push(path);
  }
  return { files, folders };
}

function isBelow(folders: ReadonlySet<string>): (path: string) => boolean {
  return (path) => {
    for (let at = path, up = dirname(at); up !== at; at = up, up = dirname(at))
      if (folders.has(up)) return true;
    return false;
  };
}

function inOrderOf(listed: readonly WorkspaceFile[], chosen: readonly WorkspaceFile[]): WorkspaceFile[] {
  const isChosen = new Set(chosen);
  return listed.filter((file) => isChosen.has(file));
}
