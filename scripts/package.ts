/** Packs the extension for this machine's platform: the bundles, the compiled addon and the embedded model. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const REQUIRED = [
  "dist/extension.cjs",
  "dist/server.cjs",
  "dist/native/stateline.node",
  "model/weights/config.json",
  "model/weights/model.safetensors",
  "model/weights/tokenizer.json",
];

/** The marketplace's name of this platform; the addon inside the package is compiled for it alone. */
export const TARGET = `${process.platform}-${process.arch}`;

/** Writes the .vsix (to dist/ unless told otherwise) and returns its path; what it packs must be built. */
export function packageExtension(file = join(root, "dist", `stateline-${TARGET}.vsix`)): string {
  const missing = REQUIRED.filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new Error(`The package lacks ${missing.join(", ")}; run ./dev build first.`);
  mkdirSync(join(file, ".."), { recursive: true });
  const vsce = join(root, "node_modules", ".bin", "vsce");
  // Everything is bundled, so node_modules stays out; the readme's pictures are not hosted anywhere.
  const options = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"];
  execFileSync(vsce, ["package", "--target", TARGET, ...options, "--out", file], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return file;
}

if (import.meta.main) {
  const file = packageExtension();
  console.log(`${file} (${(statSync(file).size / 2 ** 20).toFixed(1)} MiB)`);
}
