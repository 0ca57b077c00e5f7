/** What Git ignores: nested .gitignore files and .git/info/exclude, with the user's own patterns on top. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ignore, { type Ignore } from "ignore";

const MOST_RULES_BYTES = 2 ** 20;

interface Layer {
  /** Relative to the root, "" or ending in "/". */
  readonly folder: string;
  readonly rules: Ignore;
}

/** Immutable: entering a folder gives new rules. */
export class IgnoreRules {
  readonly #layers: readonly Layer[];
  readonly #own: Ignore;

  private constructor(layers: readonly Layer[], own: Ignore) {
    this.#layers = layers;
    this.#own = own;
  }

  static async forRoot(root: string, exclude: readonly string[]): Promise<IgnoreRules> {
    const layers: Layer[] = [];
    const excluded = await readRules(join(root, ".git", "info", "exclude"));
    if (excluded) layers.push({ folder: "", rules: excluded });
    return new IgnoreRules(layers, rulesOf([...exclude]));
  }

  /** With the .gitignore of this folder (relative to the root, "" or ending in "/"), when it has one. */
  async entering(root: string, folder: string): Promise<IgnoreRules> {
    const rules = await readRules(join(root, folder, ".gitignore"));
    return rules ? new IgnoreRules([...this.#layers, { folder, rules }], this.#own) : this;
  }

  /** A folder's path ends in "/". The innermost file with an opinion decides, as in Git. */
  ignores(relativePath: string): boolean {
    if (this.#own.ignores(relativePath)) return true;
    for (const { folder, rules } of this.#layers.toReversed()) {
      if (!relativePath.startsWith(folder) || relativePath === folder) continue;
      const { ignored, unignored } = rules.test(relativePath.slice(folder.length));
      if (ignored || unignored) return ignored;
    }
    return false;
  }
}

async function readRules(path: string): Promise<Ignore | undefined> {
  try {
    const text = await readFile(path, "utf8");
    return text.length > MOST_RULES_BYTES ? undefined : rulesOf(text);
  } catch {
    // No such file, or one that cannot be read: there are no rules then.
    return undefined;
  }
}

function rulesOf(patterns: string | string[]): Ignore {
  return ignore({ allowRelativePaths: true }).add(patterns);
}
