/** Runs an addon of another platform under that platform's Node, as far as an emulator goes, and compares what it writes. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "./targets.ts";

type Trial = NonNullable<Target["trial"]>;

interface Outcome {
  readonly level: string;
  /** Of a state, and of that state stored and restored. */
  readonly texts: readonly string[];
}

/** Answers a line for a person; throws where the addon does not load, or does not write what it writes here. */
export function tryAddon(root: string, { name, trial }: Target, addon: string): string {
  if (!trial) return `${name}: nothing on this machine runs it.`;
  const theirs = run(root, [...trial.runner, nodeOf(root, trial)], addon, trial.drive);
  const ours = run(root, [process.execPath], join(root, "dist/native/stateline.node"));
  const [expected = ""] = ours.texts;
  if (theirs.texts.some((text) => text !== expected))
    throw new Error(`${name} writes ${theirs.texts.join(" | ")} where this machine writes ${expected}.`);
  const runner = trial.runner[0] ?? "its own Node";
  return `${name}: under ${runner} with ${theirs.level} the same ${expected.split(" ").length} tokens.`;
}

function nodeOf(root: string, { node, file }: Trial): string {
  const folder = join(root, ".cache", "package");
  const path = join(folder, "node_modules", node.replace(/@.*/, ""), file);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const args = ["install", "--prefix", folder, "--force", ...quiet, node];
  const { status, stderr } = spawnSync("npm", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${node} cannot be installed:\n${stderr}`);
  return path;
}

/** `drive` stands before each path that the program is told. */
function run(root: string, command: readonly string[], addon: string, drive = ""): Outcome {
  const [program = "", ...args] = command;
  const out = join(root, ".cache", "trial.json");
  rmSync(out, { force: true });
  const paths = [join(root, "scripts/package/trial.cjs"), addon, join(root, "model/weights"), out];
  const given = [...args, ...paths.map((path) => `${drive}${path}`)];
  // Wine speaks much of what it lacks, and says that it is an old Windows.
  const env = { ...process.env, WINEDEBUG: "-all", NODE_SKIP_PLATFORM_CHECK: "1" };
  const { stdout, stderr } = spawnSync(program, given, { encoding: "utf8", env, timeout: 300_000 });
  if (!existsSync(out)) throw new Error(`${program} ${given.join(" ")} failed:\n${stdout}${stderr}`);
  const outcome: Outcome & { error?: string } = JSON.parse(readFileSync(out, "utf8"));
  if (outcome.error !== undefined) throw new Error(`${program} ${given.join(" ")} failed: ${outcome.error}`);
  return outcome;
}
