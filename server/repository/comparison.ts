/** What changed in the files since a state was saved. Reads them all, which is fast beside tokenising and advancing. */
import { Cancelled } from "../engine/engine.ts";
import { readText } from "./readText.ts";
import type { WorkspaceFile } from "./sources.ts";
import type { ReadFileRecord } from "./stateStore.ts";

/** By path: what is in the state, with the hash of the content that is, and its tokens with the header. */
export type KnownFiles = Map<string, KnownFile>;

export interface KnownFile {
  readonly file: WorkspaceFile;
  readonly hash: string;
  readonly tokens: number;
}

export interface Comparison {
  readonly known: KnownFiles;
  /** New or with another content, in reading order; those of the state are known, too. */
  readonly changed: readonly WorkspaceFile[];
  /** Files of the state that would not be read now. */
  readonly gone: readonly ReadFileRecord[];
}

export async function compare(
  files: readonly WorkspaceFile[],
  records: readonly ReadFileRecord[],
  signal: AbortSignal,
): Promise<Comparison> {
  const recorded = new Map(records.map((record) => [`${record.folder}:${record.path}`, record]));
  const known: KnownFiles = new Map();
  const changed: WorkspaceFile[] = [];
  for (const file of files) {
    if (signal.aborted) throw new Cancelled();
    const read = await readText(file.path);
    if (read.kind === "skipped") continue;
    const record = recorded.get(`${file.folder}:${file.relativePath}`);
    if (record) known.set(file.path, { file, hash: record.hash, tokens: record.tokens });
    if (record?.hash !== read.hash) changed.push(file);
  }
  const isKnown = new Set([...known.values()].map(({ file }) => `${file.folder}:${file.relativePath}`));
  const gone = records.filter(({ folder, path }) => !isKnown.has(`${folder}:${path}`));
  return { known, changed, gone };
}

export function recordsOf(known: KnownFiles): ReadFileRecord[] {
  return [...known.values()].map(({ file: { folder, relativePath: path }, hash, tokens }) => ({
    folder,
    path,
    hash,
    tokens,
  }));
}
