/** The repositories whose edits are replayed: two versions of each on disk, by the list of packages. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
export const REPLAY_CACHE = join(ROOT, ".cache", "replay");
/** Of all files alike: the order of reading then depends on their names alone. */
const MODIFIED = new Date("2024-01-01");

export const SPLITS = ["development", "report"] as const;
export type Split = (typeof SPLITS)[number];

interface Listed {
  readonly split: Split;
  readonly registry: "npm" | "pypi" | "debian" | "deb" | "git";
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface Versions {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Of those that are there; `say` is told of the others. */
export function versionsOf(split: Split, only: string, say: (text: string) => void): Versions[] {
  const listed: Listed[] = JSON.parse(readFileSync(join(import.meta.dirname, "packages.json"), "utf8"));
  return listed
    .filter((one) => one.split === split && one.name.includes(only))
    .flatMap((one) => {
      const folder = join(REPLAY_CACHE, "sources", `${one.registry}__${one.name.replaceAll("/", "+")}`);
      const [from, to] = [join(folder, one.from), join(folder, one.to)];
      if (existsSync(from) && existsSync(to)) return [{ name: bareName(one.name), from, to }];
      say(
        `${one.name} is not there and is left out: fetch it with .cache/venv/bin/python model/data/versions.py.`,
      );
      return [];
    });
}

/** As a person would call the folder. */
function bareName(name: string): string {
  return basename(name).replace(/^(librust|golang)-|-dev$/g, "");
}

/** The older version as a new repository of Git, always at the same path and with the same times: its state on disk fits again. */
export function workingCopy({ name, from }: Versions, parent: string): string {
  const folder = join(parent, name);
  const beside = `${folder}.new`;
  rmSync(beside, { recursive: true, force: true });
  cpSync(from, beside, { recursive: true });
  for (const path of readdirSync(beside, { recursive: true, encoding: "utf8" })) {
    utimesSync(join(beside, path), MODIFIED, MODIFIED);
  }
  const { status, stderr } = spawnSync("git", ["init", "--quiet"], { cwd: beside, encoding: "utf8" });
  if (status !== 0) throw new Error(`git init in ${beside}: ${stderr}`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(beside, folder);
  return folder;
}
