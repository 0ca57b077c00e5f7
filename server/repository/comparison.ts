/** What is known of the files that were read, and how a list of them on disk names them. */
import type { WorkspaceFile } from "./sources.ts";
import type { ReadFileRecord } from "./stateStore.ts";

/** By path. */
export type KnownFiles = ReadonlyMap<string, KnownFile>;

export interface KnownFile {
  readonly file: WorkspaceFile;
  /** Of the content that was read. */
  readonly hash: string;
  /** With the header. */
  readonly tokens: number;
}

export interface Comparison {
  /** Files that were read and would be read now, as they were. */
  readonly known: readonly KnownFile[];
  /** Records of files that would not be read now. */
  readonly gone: readonly ReadFileRecord[];
}

export function compare(files: readonly WorkspaceFile[], records: readonly ReadFileRecord[]): Comparison {
  const present = new Map(files.map((file) => [`${file.folder}:${file.relativePath}`, file]));
  const known: KnownFile[] = [];
  const gone: ReadFileRecord[] = [];
  for (const record of records) {
    const file = present.get(`${record.folder}:${record.path}`);
    if (file) known.push({ file, hash: record.hash, tokens: record.tokens });
    else gone.push(record);
  }
  return { known, gone };
}

export function recordsOf(known: KnownFiles): ReadFileRecord[] {
  return [...known.values()].map(({ file: { folder, relativePath: path }, hash, tokens }) => ({
    folder,
    path,
    hash,
    tokens,
  }));
}
