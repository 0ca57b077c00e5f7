/** Packs the extension for this machine's platform: the bundles, the compiled addon and the embedded model. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createVSIX } from "@vscode/vsce";

const root = fileURLToPath(new URL("..", import.meta.url));

const REQUIRED = [
  "dist/extension.cjs",
  "dist/server.cjs",
  "dist/dashboard/page.js",
  "dist/dashboard/page.css",
  "dist/native/stateline.node",
  "dist/native/stateline-longrange.node",
  "dist/grammars/web-tree-sitter.wasm",
  "model/weights/config.json",
  "model/weights/model.safetensors",
  "model/weights/tokenizer.json",
];

/** The marketplace's name of this platform; the addon inside the package is compiled for it alone. */
const target = `${process.platform}-${process.arch}`;

const missing = REQUIRED.filter((path) => !existsSync(join(root, path)));
if (missing.length > 0) throw new Error(`The package lacks ${missing.join(", ")}; run ./dev build first.`);

const packagePath = join(root, "dist", `stateline-${target}.vsix`);
await createVSIX({
  cwd: root,
  packagePath,
  target,
  // Everything is bundled, so node_modules stays out; the readme's pictures are not hosted anywhere.
  dependencies: false,
  allowMissingRepository: true,
  rewriteRelativeLinks: false,
});
console.log(`${packagePath} (${(statSync(packagePath).size / 2 ** 20).toFixed(1)} MiB)`);
