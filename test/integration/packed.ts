/** The package for other editors, as it is installed: packed, and put into an empty folder without a network. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { remove, temporaryFolder } from "./repository.ts";

const ROOT = join(import.meta.dirname, "../..");
const QUIET = ["--ignore-scripts", "--no-audit", "--no-fund"];

/** Answers the folder of modules that it is installed into. */
export function installed(t: TestContext): string {
  const folder = temporaryFolder({ "package.json": "{}" });
  t.after(() => remove(folder));
  const npm = (cwd: string, ...args: string[]) =>
    execFileSync("npm", [...args, ...QUIET], { cwd, stdio: "pipe" });
  npm(ROOT, "pack", "--pack-destination", folder);
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  assert.ok(tarball);
  npm(folder, "install", "--offline", `./${tarball}`);
  return join(folder, "node_modules");
}
