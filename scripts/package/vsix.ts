/** The extension's package for one platform: this repository's files with that platform's addons, which lie in one folder. */
import { cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { createVSIX, listFiles, PackageManager } from "@vscode/vsce";
import { ADDONS } from "./targets.ts";

const REQUIRED = [
  "dist/extension.cjs",
  "dist/server.cjs",
  "dist/dashboard/page.js",
  "dist/dashboard/page.css",
  ...ADDONS.map((addon) => `dist/native/${addon}`),
  "dist/grammars/web-tree-sitter.wasm",
  "model/weights/config.json",
  "model/weights/model.safetensors",
  "model/weights/tokenizer.json",
];
/** Without the CUDA library; the marketplace and a slow line both mind. */
const MOST_BYTES = 40 * 2 ** 20;

/** Answers the package's path and size in bytes. */
export async function packageFor(
  root: string,
  target: string,
  addons: string,
): Promise<{ path: string; bytes: number }> {
  const missing = REQUIRED.filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new Error(`The package lacks ${missing.join(", ")}; run ./dev build first.`);
  const stage = join(root, ".cache", "package", target);
  const isHere = addons === join(root, "dist/native");
  rmSync(stage, { recursive: true, force: true });
  for (const file of await listFiles({ cwd: root, packageManager: PackageManager.None })) {
    // The CUDA library is this machine's.
    if (file.startsWith("dist/native/") && !isHere) continue;
    copy(join(root, file), join(stage, file));
  }
  copy(join(root, "package.json"), join(stage, "package.json"));
  if (!isHere) for (const addon of ADDONS) copy(join(addons, addon), join(stage, "dist/native", addon));
  const path = join(root, "dist", `stateline-${target}.vsix`);
  await createVSIX({
    cwd: stage,
    packagePath: path,
    target,
    // Everything is bundled, so node_modules stays out; the readme's pictures are not hosted anywhere.
    dependencies: false,
    allowMissingRepository: true,
    rewriteRelativeLinks: false,
  });
  const { size: bytes } = statSync(path);
  const hasCuda = existsSync(join(stage, "dist/native/stateline_cuda.so"));
  if (!hasCuda && bytes > MOST_BYTES)
    throw new Error(`${path} has ${bytes} bytes; at most ${MOST_BYTES} are meant to be.`);
  return { path, bytes };
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}
