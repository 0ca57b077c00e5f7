/** The repository of a long session: packages whose edits are typed, and modules that differ on two branches. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Versions } from "../eval/replay/sources.ts";

export const BRANCHES = ["left", "right"] as const;
export type Branch = (typeof BRANCHES)[number];

export class SoakRepository {
  readonly folder: string;
  #branch: Branch = "left";
  readonly #switched: readonly string[];

  private constructor(folder: string, switched: readonly string[]) {
    this.folder = folder;
    this.#switched = switched;
  }

  /** Written anew, with so many modules that are others on each branch. */
  static create(folder: string, packages: readonly Versions[], modules: number): SoakRepository {
    rmSync(folder, { recursive: true, force: true });
    for (const { name, from } of packages) cpSync(from, join(folder, name), { recursive: true });
    git(folder, "init", "--quiet", "--initial-branch=left");
    const paths = Array.from({ length: modules }, (_, i) => modulePath(i));
    for (const branch of BRANCHES) {
      if (branch !== "left") git(folder, "switch", "--quiet", "--create", branch);
      for (const [i, path] of paths.entries()) {
        mkdirSync(join(folder, path, ".."), { recursive: true });
        writeFileSync(join(folder, path), moduleText(branch, i));
      }
      git(folder, "add", "--all");
      git(
        folder,
        "-c",
        "user.name=soak",
        "-c",
        "user.email=soak@localhost",
        "commit",
        "--quiet",
        "-m",
        branch,
      );
    }
    git(folder, "switch", "--quiet", "left");
    return new SoakRepository(folder, paths);
  }

  /** The files that are others now. */
  switchBranch(): readonly string[] {
    this.#branch = this.#branch === "left" ? "right" : "left";
    git(this.folder, "switch", "--quiet", this.#branch);
    return this.#switched;
  }
}

function modulePath(i: number): string {
  return join("modules", `part${Math.floor(i / 50)}`, `module${i}.ts`);
}

function moduleText(branch: Branch, i: number): string {
  return `import { ${branch}Base } from "../base.ts";\n\nexport function ${branch}Step${i}(value: number): number {\n  return ${branch}Base(value, ${i});\n}\n`;
}

function git(folder: string, ...command: string[]): void {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync("git", command, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${command[0]} in ${folder}: ${stderr}`);
}
