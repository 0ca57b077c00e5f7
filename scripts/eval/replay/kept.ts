/** What a run has found so far, so that one that was ended goes on: each repository's edits by all that decides them. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class Kept {
  readonly #folder: string;
  readonly #paths: string[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What was found under the same conditions by a run that did not end, else what is found now. */
  async found<Result>(conditions: object, find: () => Promise<Result>): Promise<Result> {
    const name = createHash("sha256").update(JSON.stringify(conditions)).digest("hex").slice(0, 24);
    const path = join(this.#folder, `${name}.json`);
    this.#paths.push(path);
    if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8"));
    const result = await find();
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(`${path}.new`, JSON.stringify(result));
    renameSync(`${path}.new`, path);
    return result;
  }

  /** The run is complete: another one begins anew. */
  forget(): void {
    for (const path of this.#paths) rmSync(path, { force: true });
  }
}

/** Of the files in a folder, not below it. */
export function hashOfFolder(folder: string): string {
  const hash = createHash("sha256");
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(folder, entry.name)));
  }
  return hash.digest("hex").slice(0, 24);
}
