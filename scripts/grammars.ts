/** The parser library and the grammars, from their packages to dist/grammars: data beside the bundles. */
import { copyFileSync, globSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

const PACKAGES = [
  "web-tree-sitter/web-tree-sitter.wasm",
  "@vscode/tree-sitter-wasm/wasm/tree-sitter-{bash,c-sharp,cpp,css,go,java,javascript,php,powershell,python,ruby,rust,tsx,typescript}.wasm",
  "@tree-sitter-grammars/tree-sitter-{kotlin,lua,toml,yaml}/tree-sitter-{kotlin,lua,toml,yaml}.wasm",
  "tree-sitter-{c,haskell,html,json,scala}/tree-sitter-*.wasm",
];

/** Returns what was copied, relative to the root, so that its licences are told. */
export function copyGrammars(root: string): string[] {
  const sources = PACKAGES.flatMap((pattern) => globSync(`node_modules/${pattern}`, { cwd: root }));
  mkdirSync(join(root, "dist/grammars"), { recursive: true });
  for (const path of sources) copyFileSync(join(root, path), join(root, "dist/grammars", basename(path)));
  return sources;
}
