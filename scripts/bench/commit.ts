import { execFileSync } from "node:child_process";

/** The commit that was measured, with a plus sign if the working tree differs from it. */
export function describeCommit(root: string): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
}
