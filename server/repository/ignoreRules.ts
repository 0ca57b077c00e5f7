/** What is ignored in folders that Git does not answer for: nested .gitignore files, read without following links, and bounded. */
import { statSync } from "node:fs";
import { constants, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import ignore, { type Ignore } from "ignore";

const MOST_RULES_BYTES = 2 ** 18;
/** In one name of a pattern: the time to match grows by the length of the name with each. */
const MOST_WILDCARDS = 3;

/** Immutable: entering a folder gives new rules. */
export class IgnoreRules {
  readonly #root: string;
  readonly #ignoreCase: boolean;
  /** Of all folders so far, outer ones first: the last that matches decides, as in Git. */
  readonly #rules: Ignore;

  private constructor(root: string, ignoreCase: boolean, rules: Ignore) {
    this.#root = root;
    this.#ignoreCase = ignoreCase;
    this.#rules = rules;
  }

  static async forRoot(root: string): Promise<IgnoreRules> {
    const ignoreCase = ignoresCase(root);
    const excluded = await readRules(join(root, ".git", "info", "exclude"));
    return await new IgnoreRules(root, ignoreCase, rulesOf(excluded ?? [], ignoreCase)).entering("");
  }

  /** With the .gitignore of this folder (relative to the root, "" or ending in "/"), when it has one. */
  async entering(folder: string): Promise<IgnoreRules> {
    const lines = await readRules(join(this.#root, folder, ".gitignore"));
    if (!lines) return this;
    const below = lines.flatMap((line) => patternBelow(folder, line));
    const rules = rulesOf([], this.#ignoreCase).add(this.#rules).add(boundedOf(below, folder));
    return new IgnoreRules(this.#root, this.#ignoreCase, rules);
  }

  /** With those of each folder on the way to this one. */
  async enteringAll(folder: string): Promise<IgnoreRules> {
    let rules: IgnoreRules = this;
    const names = folder.split("/").slice(0, -1);
    for (let i = 1; i <= names.length; i++) rules = await rules.entering(`${names.slice(0, i).join("/")}/`);
    return rules;
  }

  /** A folder's path ends in "/". */
  ignores(relativePath: string): boolean {
    return this.#rules.ignores(asBytes(relativePath));
  }

  /** Of a file, with the rules of all folders that it is in. */
  async ignoresBelow(relativePath: string): Promise<boolean> {
    let rules: IgnoreRules = this;
    let folder = "";
    for (const name of relativePath.replace(/\/$/, "").split("/").slice(0, -1)) {
      folder += `${name}/`;
      if (rules.ignores(folder)) return true;
      rules = await rules.entering(folder);
    }
    return rules.ignores(relativePath);
  }
}

/** Patterns as in a .gitignore; where one would take too long to match, everything is ignored. */
export function rulesOf(patterns: readonly string[], ignoreCase: boolean): Ignore {
  return ignore({ allowRelativePaths: true, ignorecase: ignoreCase }).add(boundedOf(patterns, ""));
}

function boundedOf(patterns: readonly string[], folder: string): string[] {
  const bounded = patterns.some(isCostly) ? [`/${escaped(folder)}**`] : patterns;
  return bounded.map(asBytes);
}

/** What a line of a folder's .gitignore says, seen from the root. */
function patternBelow(folder: string, line: string): string[] {
  if (folder === "") return [line];
  if (line.startsWith("#") || line.trim() === "") return [];
  const isNegated = line.startsWith("!");
  const pattern = (isNegated ? line.slice(1) : line).replace(/^\\([!#])/, "$1");
  const isAnchored = /\/./.test(pattern.trimEnd());
  const inside = isAnchored ? pattern.replace(/^\//, "") : `**/${pattern}`;
  return [`${isNegated ? "!" : ""}/${escaped(folder)}${inside}`];
}

function escaped(folder: string): string {
  return folder.replace(/[\\#!*?[\] ]/g, "\\$&");
}

/** Git matches bytes: "?" is one of the two of "é". Both patterns and paths are compared so. */
export function asBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Whether names that differ in case alone are one file there. */
export function ignoresCase(folder: string): boolean {
  const name = basename(folder);
  const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
  if (other === name) return process.platform === "win32" || process.platform === "darwin";
  const [one, two] = [folder, join(dirname(folder), other)].map((path) =>
    statSync(path, { bigint: true, throwIfNoEntry: false }),
  );
  return one !== undefined && two !== undefined && one.ino === two.ino && one.dev === two.dev;
}

/** The lines of a file; one that is too large hides everything. */
async function readRules(path: string): Promise<string[] | undefined> {
  try {
    const file = await open(
      path,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
    try {
      const entry = await file.stat();
      if (!entry.isFile()) return undefined;
      if (entry.size > MOST_RULES_BYTES) return ["*"];
      return (await file.readFile("utf8")).split(/\r?\n/);
    } finally {
      await file.close();
    }
  } catch {
    // No such file, or one that cannot be read: there are no rules then.
    return undefined;
  }
}

function isCostly(pattern: string): boolean {
  if (pattern.startsWith("#")) return false;
  const names = pattern.replace(/\\./g, "").split("/");
  const wildcards = (name: string) => name.split(/\*+/).length - 1;
  return (
    names.some((name) => wildcards(name) > MOST_WILDCARDS) ||
    names.filter((name) => /^\*\*+$/.test(name)).length > MOST_WILDCARDS
  );
}
