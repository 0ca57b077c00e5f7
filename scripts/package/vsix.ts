/** The extension's package for one platform: this repository's files with that platform's addons, which lie in one folder. */
import { cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createVSIX, listFiles, PackageManager } from "@vscode/vsce";
import { ADDONS } from "./targets.ts";

const REQUIRED = [
  "dist/extension.cjs",
  "dist/server.cjs",
  "dist/dashboard/page.js",
  "dist/dashboard/page.css",
  "dist/grammars/web-tree-sitter.wasm",
  "model/weights/config.json",
  "model/weights/model.safetensors",
  "model/weights/tokenizer.json",
];
const CUDA_LIBRARY = "stateline_cuda.so";
/** Without the CUDA library; the marketplace and a slow line both mind. */
const MOST_BYTES = 40 * 2 ** 20;

export interface Contents {
  readonly target: string;
  /** Folder of that platform's addons. */
  readonly addons: string;
  /** With this machine's CUDA library, in a package of its own name. */
  readonly cuda: boolean;
}

/** Answers the package's path and size in bytes. */
export async function packageFor(
  root: string,
  { target, addons, cuda }: Contents,
): Promise<{ path: string; bytes: number }> {
  const libraries = (cuda ? [...ADDONS, CUDA_LIBRARY] : ADDONS).map((name) => join(addons, name));
  const missing = [...REQUIRED.map((path) => join(root, path)), ...libraries].filter(
    (path) => !existsSync(path),
  );
  if (missing.length > 0) {
    const build = missing.every((path) => path.endsWith(CUDA_LIBRARY)) ? "./dev build --cuda" : "./dev build";
    throw new Error(`The package lacks ${missing.join(", ")}; ${build} makes that.`);
  }
  const name = cuda ? `${target}-cuda` : target;
  const stage = join(root, ".cache", "package", name);
  rmSync(stage, { recursive: true, force: true });
  for (const file of await listFiles({ cwd: root, packageManager: PackageManager.None }))
    if (!file.startsWith("dist/native/")) copy(join(root, file), join(stage, file));
  for (const path of libraries) copy(path, join(stage, "dist/native", basename(path)));
  copy(join(root, "package.json"), join(stage, "package.json"));
  const path = join(root, "dist", `stateline-${name}.vsix`);
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
  if (!cuda && bytes > MOST_BYTES)
    throw new Error(`${path} has ${bytes} bytes; at most ${MOST_BYTES} are meant to be.`);
  return { path, bytes };
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}
