/**
 * What may be read, indexed, quoted, completed and learned: one answer for the files of the workspace, for what is open in the
 * editor and for the document that is completed. What a text itself hides is `secretLines.ts`.
 */
import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { relative, sep } from "node:path";
import type { Ignore } from "ignore";
import { isInForeignFolder, reasonByName } from "./fileRules.ts";
import { IgnoredFiles } from "./ignoredFiles.ts";
import { asBytes, ignoresCase, rulesOf } from "./ignoreRules.ts";
import { realPath } from "./realPath.ts";
import { isSecretPath } from "./secretPaths.ts";

/** Of the rules: a state that was saved under others may hold what these forbid. */
const VERSION = 1;

export interface PolicyFolder {
  /** With links followed, as realPath does. */
  readonly path: string;
  /** Patterns, as in a .gitignore, of what is never read. */
  readonly exclude: readonly string[];
}

export interface Readable {
  readonly kind: "read";
  /** Index of its folder. */
  readonly folder: number;
  /** With links followed. */
  readonly path: string;
  /** To its folder, with forward slashes. */
  readonly relativePath: string;
}

export interface LeftOut {
  readonly kind: "left out";
  readonly because: "secret" | "excluded" | "ignored" | "foreign" | "by name" | "no file";
  /** "<path> " + reason is a sentence. */
  readonly reason: string;
}

/** "outside": in no folder of the workspace. */
export type Verdict = Readable | LeftOut | { readonly kind: "outside" };

const SECRET = leftOut("secret", "may hold secrets");
const EXCLUDED = leftOut("excluded", "is excluded by stateline.exclude");
const FOREIGN = leftOut("foreign", "is in a folder of dependencies, caches or a tool's own files");
export const IGNORED = leftOut("ignored", "is ignored, as Git ignores");
export const NO_FILE = leftOut("no file", "is a link, or no file");

/** Whether an open document may stand in what another one's completion starts from. */
export function mayQuote(verdict: Verdict): boolean {
  return verdict.kind !== "left out";
}

/** undefined when a document may be completed: what Git ignores may. */
export function reasonNotToComplete(verdict: Verdict): string | undefined {
  if (verdict.kind !== "left out") return undefined;
  return verdict.because === "secret" || verdict.because === "excluded"
    ? `the file ${verdict.reason}`
    : undefined;
}

/** Of a document without a file. */
export function judgeName(name: string): Verdict {
  return isSecretPath(name) ? SECRET : { kind: "outside" };
}

export class FilePolicy {
  readonly folders: readonly PolicyFolder[];
  /** Names the rules and their settings. */
  readonly key: string;
  readonly #excludes: readonly Ignore[];
  readonly #ignored = new IgnoredFiles();

  constructor(folders: readonly PolicyFolder[]) {
    this.folders = folders;
    this.key = createHash("sha256")
      .update(JSON.stringify([VERSION, folders]))
      .digest("hex");
    this.#excludes = folders.map(({ path, exclude }) => rulesOf(exclude, ignoresCase(path)));
  }

  get paths(): readonly string[] {
    return this.folders.map(({ path }) => path);
  }

  /** Of a path, whether or not a file is there. */
  async judge(path: string): Promise<Verdict> {
    const real = await realPath(path);
    const never = this.#never(path) ?? this.#never(real);
    if (never) return never;
    const at = this.#placeOf(real);
    if (!at) return leftOutByName(real) ?? { kind: "outside" };
    const reason = this.byName(at.folder, at.relativePath);
    if (reason) return reason;
    const entry = await lstat(real).catch(() => undefined);
    if (entry && !entry.isFile()) return NO_FILE;
    const root = this.folders[at.folder]?.path ?? "";
    if (await this.#ignored.isIgnored(root, at.relativePath)) return IGNORED;
    return { kind: "read", path: real, ...at };
  }

  /** undefined when the document there may be completed. Asks no Git: a person who types waits for it. */
  async reasonNotToComplete(path: string): Promise<string | undefined> {
    const never = this.#never(path) ?? this.#never(await realPath(path));
    return never && reasonNotToComplete(never);
  }

  /** Of a file or, with "/" at its end, a folder, by its path alone; undefined: nothing speaks against it so far. */
  byName(folder: number, relativePath: string): LeftOut | undefined {
    const root = this.folders[folder]?.path ?? "";
    const never = this.#never(`${root}${sep}${relativePath}`);
    if (never) return never;
    if (isInForeignFolder(relativePath)) return FOREIGN;
    return relativePath.endsWith("/") ? undefined : leftOutByName(relativePath);
  }

  /**
   * Whether the state or the index may change with what is or was at a path: a cheap answer for many events, which judge may
   * correct. It may be a folder, whatever it is called.
   */
  mayMatter(path: string): boolean {
    const at = this.#placeOf(path);
    if (!at) return false;
    return [at.relativePath, `${at.relativePath}/`].some((name) => !this.byName(at.folder, name));
  }

  /** Whether another folder of the workspace is in this one and holds the file. */
  isOfInner(folder: number, path: string): boolean {
    return this.#placeOf(path)?.folder !== folder;
  }

  /** Repositories may have come or gone. */
  refresh(): void {
    this.#ignored.forget();
  }

  /** What is not even completed. */
  #never(path: string): LeftOut | undefined {
    if (isSecretPath(path)) return SECRET;
    return this.#isExcluded(path) ? EXCLUDED : undefined;
  }

  /** Never is never: each folder that the file is in has its say. */
  #isExcluded(path: string): boolean {
    return this.folders.some(({ path: root }, i) => {
      const inside = pathInside(root, path);
      return inside !== undefined && this.#excludes[i]?.ignores(asBytes(inside));
    });
  }

  /** In the innermost folder. */
  #placeOf(path: string): { folder: number; relativePath: string } | undefined {
    let best: { folder: number; relativePath: string } | undefined;
    for (const [folder, { path: root }] of this.folders.entries()) {
      const relativePath = pathInside(root, path);
      if (relativePath === undefined) continue;
      if (!best || relativePath.length < best.relativePath.length) best = { folder, relativePath };
    }
    return best;
  }
}

/** With forward slashes; undefined when the path is not below the root. */
export function pathInside(root: string, path: string): string | undefined {
  const inside = relative(root, path);
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || inside === path) return undefined;
  return inside.split(sep).join("/") + (path.endsWith("/") ? "/" : "");
}

function leftOutByName(path: string): LeftOut | undefined {
  const reason = reasonByName(path.split(sep).join("/"));
  return reason === undefined ? undefined : leftOut("by name", reason);
}

function leftOut(because: LeftOut["because"], reason: string): LeftOut {
  return { kind: "left out", because, reason };
}
