/**
 * Packs the extension: for this machine's platform, or for all that can be compiled here (--all), or those that are named.
 *   node scripts/package/main.ts [--all | TARGET ...] [--cuda] [--zig PROGRAM]
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { reasonOf } from "../../protocol/reason.ts";
import { crossBuild } from "./crossBuild.ts";
import { HERE, TARGETS } from "./targets.ts";
import { tryAddon } from "./trial.ts";
import { packageFor } from "./vsix.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

main().catch((cause: unknown) => {
  console.error(reasonOf(cause));
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cuda: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      zig: { type: "string", default: "zig" },
    },
  });
  const named = values.all ? TARGETS.map(({ name }) => name) : positionals;
  const known = TARGETS.map(({ name }) => name);
  const unknown = named.filter((name) => name !== HERE && !known.includes(name));
  if (unknown.length > 0) {
    console.error(`Packages are made for ${known.join(", ")}; not for ${unknown.join(", ")}.`);
    process.exitCode = 2;
    return;
  }
  for (const name of named.length > 0 ? named : [HERE]) await makePackage(name, values);
}

async function makePackage(name: string, { cuda, zig }: { cuda: boolean; zig: string }): Promise<void> {
  const target = name === HERE ? undefined : TARGETS.find((one) => one.name === name);
  const addons = target ? crossBuild(root, zig, target) : join(root, "dist/native");
  if (target) console.log(tryAddon(root, target, join(addons, "stateline.node")));
  const { path, bytes } = await packageFor(root, { target: name, addons, cuda: cuda && !target });
  console.log(`${path} (${(bytes / 2 ** 20).toFixed(1)} MiB)`);
}
