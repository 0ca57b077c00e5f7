/** What changed in the files since a state was saved. Reads them all, which is fast beside tokenising and advancing. */
import { Cancelled } from "../engine/engine.ts";
import { readText } from "./readText.ts";
import type { WorkspaceFile } from "./sources.ts";
import type { ReadFileRecord } from "./stateStore.ts";

/** By path: what is in the state, with the hash of the content that is. */
export type KnownFiles = Map<string, { readonly file: WorkspaceFile; readonly hash: string }>;

export interface Comparison {
  readonly known: KnownFiles;
  /** Paths of files that are new or have another content. */
  readonly changed: readonly string[];
  /** Files of the state that would not be read now. */
  readonly gone: readonly ReadFileRecord[];
}

export async function compare(
  files: readonly WorkspaceFile[],
  records: readonly ReadFileRecord[],
  signal: AbortSignal,
): Promise<Comparison> {
  const recorded = new Map(records.map((record) => [`${record.folder}:${record.path}`, record.hash]));
  const known: KnownFiles = new Map();
  const changed: string[] = [];
  for (const file of files) {
    if (signal.aborted) throw new Cancelled();
    const read = await readText(file.path);
    if (read.kind === "skipped") continue;
    const hash = recorded.get(`${file.folder}:${file.relativePath}`);
    if (hash) known.set(file.path, { file, hash });
    if (hash !== read.hash) changed.push(file.path);
  }
  const isKnown = new Set([...known.values()].map(({ file }) => `${file.folder}:${file.relativePath}`));
  const gone = records.filter(({ folder, path }) => !isKnown.has(`${folder}:${path}`));
  return { known, changed, gone };
}
