/** What a person types of the difference between two versions, and what is put in place without typing. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { languageIdOf } from "../../../server/languageIds.ts";
import { type Language, languageOf } from "../languages.ts";
import { randomSource, shuffled } from "../random.ts";
import { type Hunk, hunksBetween } from "./hunks.ts";
import type { Versions } from "./sources.ts";
import { keysOf, styleOf } from "./typing.ts";

/** More at once, or a longer line, was pasted or generated. */
const MOST_LINES = 60;
const LONGEST_LINE = 200;
/** Shorter lines are alike everywhere and no sign of a move. */
const SHORTEST_MOVED_LINE = 8;
const MOST_BYTES = 128 * 1024;
/** Of the keys of a repository: how many may be of one file. */
const MOST_SHARE_OF_A_FILE = 1 / 6;

export interface Edit extends Hunk {
  readonly isTyped: boolean;
}

export interface FileEdits {
  readonly path: string;
  readonly language: Language;
  readonly languageId: string;
  /** The older text; every line of it ends with a line feed. */
  readonly text: string;
  readonly edits: readonly Edit[];
}

/** Files in an order drawn by the seed, until a person would have pressed so many keys. */
export function editsOf(versions: Versions, keys: number, seed: number): FileEdits[] {
  const files = shuffled(changedFiles(versions), randomSource(seed));
  const removed = new Set(files.flatMap(({ text, edits }) => removedLines(text, edits)));
  const chosen: FileEdits[] = [];
  let left = keys;
  for (const file of files) {
    if (left <= 0) break;
    const most = Math.min(left, Math.max(200, keys * MOST_SHARE_OF_A_FILE));
    const { edits, keys: used } = typedOf(file, removed, most);
    if (used === 0) continue;
    chosen.push({ ...file, edits });
    left -= used;
  }
  return chosen;
}

function changedFiles({ from, to }: Versions): FileEdits[] {
  return readdirSync(to, { recursive: true, encoding: "utf8" })
    .sort()
    .flatMap((path) => {
      const language = languageOf(path);
      if (!language || !statSync(join(to, path)).isFile() || statSync(join(to, path)).size > MOST_BYTES)
        return [];
      const isNew = !existsSync(join(from, path));
      const hunks = hunksBetween(isNew ? "/dev/null" : join(from, path), join(to, path));
      if (hunks.length === 0) return [];
      const text = isNew ? "" : withLastLineFeed(readFileSync(join(from, path), "utf8"));
      const edits = hunks.map((hunk) => ({ ...hunk, isTyped: true }));
      return [{ path, language, languageId: languageIdOf(path), text, edits }];
    });
}

function withLastLineFeed(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

function removedLines(text: string, edits: readonly Hunk[]): string[] {
  const lines = text.split("\n");
  return edits.flatMap(({ line, removed }) => lines.slice(line, line + removed)).map((line) => line.trim());
}

/** Whether each edit is typed, until so many keys; the ones behind are left out, since nobody looks there any more. */
function typedOf(
  file: FileEdits,
  removed: ReadonlySet<string>,
  most: number,
): { edits: Edit[]; keys: number } {
  const style = styleOf(file.text, file.languageId);
  const edits: Edit[] = [];
  let keys = 0;
  let end = 0;
  for (const edit of file.edits) {
    const isTyped = mayBeTyped(edit, removed);
    edits.push({ ...edit, isTyped });
    if (!isTyped) continue;
    keys += keysOf(`\n${edit.added.join("\n")}`, "", style);
    end = edits.length;
    if (keys >= most) break;
  }
  return { edits: edits.slice(0, end), keys };
}

/** No generated or pasted text, and none that was somewhere else before. */
function mayBeTyped({ added }: Hunk, removed: ReadonlySet<string>): boolean {
  if (added.length === 0 || added.length > MOST_LINES) return false;
  if (added.some((line) => line.length > LONGEST_LINE)) return false;
  const long = added.map((line) => line.trim()).filter((line) => line.length >= SHORTEST_MOVED_LINE);
  return long.filter((line) => removed.has(line)).length <= long.length / 2;
}
