/** The licences of what the bundles and the addon contain of others' code, for dist/THIRD-PARTY-NOTICES.txt. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Compiled into the addon, so no bundle names them. */
const IN_THE_ADDON = ["node-addon-api"];
const IN_THE_ADDON_FROM_DEBIAN = ["/usr/share/doc/nlohmann-json3-dev/copyright"];

/** `inputs` are paths as esbuild's metafile has them, e.g. node_modules/ignore/index.js. */
export function thirdPartyNotices(root: string, inputs: readonly string[]): string {
  const bundled = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  const folders = new Set([...bundled, ...IN_THE_ADDON.map((name) => `node_modules/${name}`)]);
  const packages = [...folders].sort().map((folder) => noticeOf(join(root, folder)));
  const others = IN_THE_ADDON_FROM_DEBIAN.flatMap((path) => globSync(path)).map((path) => readText(path));
  return [...packages, ...others].join(`\n${"-".repeat(110)}\n\n`);
}

function noticeOf(folder: string): string {
  const { name, version, license }: Record<string, unknown> = JSON.parse(
    readText(join(folder, "package.json")),
  );
  const texts = globSync("{licen[cs]e,licen[cs]e.*,LICEN[CS]E,LICEN[CS]E.*,LICEN[CS]E-*,License.txt}", {
    cwd: folder,
  });
  const text = texts.map((file) => readText(join(folder, file))).join("\n") || `Licence: ${license}\n`;
  return `${name} ${version}\n\n${text}`;
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}
