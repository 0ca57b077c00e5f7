/** The addons for another platform. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "./targets.ts";

/** Answers their folder. `zig` is its program. */
export function crossBuild(root: string, zig: string, target: Target): string {
  const folder = join(root, "native", `build-${target.name}`);
  mkdirSync(folder, { recursive: true });
  const settings = {
    CMAKE_TOOLCHAIN_FILE: join(root, "native", "zig.cmake"),
    CMAKE_BUILD_TYPE: "Release",
    ZIG: zig,
    ZIG_TARGET: target.zig,
    STATELINE_TESTS: "OFF",
  };
  const defined = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  run("cmake", ["-S", join(root, "native"), "-B", folder, "-G", "Ninja", ...defined]);
  run("cmake", ["--build", folder, "--target", "stateline_addon"]);
  return folder;
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  if (status === 0) return;
  throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`.slice(0, 8000), {
    cause: error,
  });
}
