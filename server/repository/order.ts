/** The order in which a repository is read: what it is first, what is being worked on last, since a state keeps the recent best. */
import { posix } from "node:path";
import type { SourceFile } from "./crawl.ts";

const INTRODUCTIONS =
  /^(readme(\.\w+)?|package\.json|cargo\.toml|pyproject\.toml|setup\.(py|cfg)|go\.mod|pom\.xml|build\.gradle(\.kts)?|gemfile|composer\.json|cmakelists\.txt|mix\.exs|.*\.csproj)$/i;

/** The most recently modified files are read last: this share of all, and at most this many. */
const RECENT_SHARE = 0.1;
const MOST_RECENT = 40;

export function inReadingOrder<File extends SourceFile>(files: readonly File[]): File[] {
  const introductions = files.filter(isIntroduction).sort(byDepthAndPath);
  const others = files.filter((file) => !isIntroduction(file)).sort(byModification);
  const recent = recentPart(others);
  const settled = others.slice(0, others.length - recent.length).sort(byKindAndPath);
  return [...introductions, ...settled, ...recent];
}

/** Of files in reading order, or by modification: those at the end, which are read last. */
export function recentPart<File extends SourceFile>(ordered: readonly File[]): File[] {
  const others = ordered.filter((file) => !isIntroduction(file));
  const count = Math.min(MOST_RECENT, Math.ceil(others.length * RECENT_SHARE));
  return others.slice(others.length - count);
}

/** When there is more than the budget holds, the settled files go before the recent ones, introductions never. */
export function withinBudget<File extends SourceFile>(
  ordered: readonly File[],
  budgetBytes: number,
  recent: ReadonlySet<File> = new Set(recentPart(ordered)),
): File[] {
  let total = ordered.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total <= budgetBytes) return [...ordered];
  const dropped = new Set<File>();
  const isRecent = (file: File) => Number(recent.has(file));
  // Tests and documents first, then the deepest folders: their code is used by the fewest others.
  const expendable = ordered
    .filter((file) => !isIntroduction(file))
    .sort(
      (a, b) =>
        isRecent(a) - isRecent(b) ||
        kindOf(a) - kindOf(b) ||
        depthOf(b) - depthOf(a) ||
        a.modifiedMs - b.modifiedMs,
    );
  for (const file of expendable) {
    if (total <= budgetBytes) break;
    dropped.add(file);
    total -= file.sizeBytes;
  }
  return ordered.filter((file) => !dropped.has(file));
}

function isIntroduction(file: SourceFile): boolean {
  return depthOf(file) <= 1 && INTRODUCTIONS.test(posix.basename(file.relativePath));
}

/** 0 documents and data, 1 tests, 2 code: what is read later is remembered better. */
function kindOf(file: SourceFile): number {
  if (/\.(md|rst|adoc|txt|json|ya?ml|toml|ini|cfg|csv|xml|html?)$/i.test(file.relativePath)) return 0;
  return /(^|\/)(tests?|__tests__|spec|examples?|fixtures?)\/|[._-](test|spec)\.\w+$|(^|\/)test_/i.test(
    file.relativePath,
  )
    ? 1
    : 2;
}

function depthOf(file: SourceFile): number {
  return file.relativePath.split("/").length - 1;
}

function byDepthAndPath(a: SourceFile, b: SourceFile): number {
  return depthOf(a) - depthOf(b) || compare(a.relativePath, b.relativePath);
}

/** Folder by folder, so that what belongs together is read together. */
function byKindAndPath(a: SourceFile, b: SourceFile): number {
  return kindOf(a) - kindOf(b) || compare(a.relativePath, b.relativePath);
}

function byModification(a: SourceFile, b: SourceFile): number {
  return a.modifiedMs - b.modifiedMs || compare(a.relativePath, b.relativePath);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
