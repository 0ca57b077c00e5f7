/** Whether a single file is ignored: asked of Git, many at once, or of the .gitignore files where Git does not answer. */
import { join, relative, sep } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { gitIgnored, isRepository, repositoryOf } from "./git.ts";
import { IgnoreRules } from "./ignoreRules.ts";

/** Where the files of a workspace's folder are asked about. */
export interface Ground {
  /** Git may answer. */
  readonly isGits: boolean;
  /** Where the .gitignore files begin that count. */
  readonly top: string;
}

type Batch = { readonly paths: Set<string>; readonly answer: ReturnType<typeof gitIgnored> };

/** A folder that Git ignores was opened all the same: then its own rules count, and not those that leave out all of it. */
export async function groundOf(root: string): Promise<Ground> {
  const top = await repositoryOf(root);
  if (top === undefined) return { isGits: false, top: root };
  if (top === root) return { isGits: true, top };
  const { ignored } = await gitIgnored(top, [slashed(relative(top, root))]);
  return ignored.size > 0 ? { isGits: false, top: root } : { isGits: true, top };
}

export class IgnoredFiles {
  readonly #grounds = new Map<string, Promise<Ground>>();
  readonly #batches = new Map<string, Batch>();
  /** One Git at a time; what is asked meanwhile goes to the next. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Repositories may have come or gone. */
  forget(): void {
    this.#grounds.clear();
  }

  async isIgnored(root: string, relativePath: string): Promise<boolean> {
    const known = this.#grounds.get(root) ?? groundOf(root);
    this.#grounds.set(root, known);
    let ground = await known;
    let folder = root;
    let asked = relativePath;
    // A repository in the folder answers for its files, if it is not ignored itself.
    for (const inner of foldersOf(relativePath)) {
      const nested = join(root, inner);
      if (!(await isRepository(nested))) continue;
      const path = slashed(relative(folder, nested));
      if (await this.#ignores(ground, folder, path, "/")) return true;
      ground = { isGits: true, top: nested };
      folder = nested;
      asked = relativePath.slice(inner.length + 1);
    }
    return await this.#ignores(ground, folder, asked, "");
  }

  async #ignores({ isGits, top }: Ground, folder: string, path: string, end: "" | "/"): Promise<boolean> {
    const answer = isGits ? await this.#askGit(folder, path) : undefined;
    if (answer !== undefined) return answer;
    const rules = await IgnoreRules.forRoot(top);
    return await rules.ignoresBelow(slashed(relative(top, join(folder, path))) + end);
  }

  /** undefined: it does not answer. */
  async #askGit(folder: string, path: string): Promise<boolean | undefined> {
    const batch = this.#batches.get(folder) ?? this.#newBatch(folder);
    batch.paths.add(path);
    const { ignored, refused } = await batch.answer;
    return refused.has(path) ? undefined : ignored.has(path);
  }

  #newBatch(folder: string): Batch {
    const paths = new Set<string>();
    const answer = this.#turn
      .then(() => nextTurn())
      .then(() => {
        this.#batches.delete(folder);
        return gitIgnored(folder, [...paths]);
      });
    this.#turn = answer.catch(() => undefined);
    const batch = { paths, answer };
    this.#batches.set(folder, batch);
    return batch;
  }
}

/** "a", "a/b" of "a/b/c.ts". */
function foldersOf(relativePath: string): string[] {
  const names = relativePath.split("/").slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join("/"));
}

function slashed(path: string): string {
  return path.split(sep).join("/");
}
