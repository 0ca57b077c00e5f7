/** Bundles the extension, the server and the dashboard's page into dist/, which then need nothing from node_modules. */
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Metafile } from "esbuild";
import { copyGrammars } from "./grammars.ts";
import { thirdPartyNotices } from "./notices.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

const common = {
  absWorkingDir: root,
  minify: true,
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

interface Program {
  /** Of dist/NAME.cjs, and of dist/NAME-*.cjs, the parts that it loads when they are asked for. */
  readonly name: string;
  readonly entry: string;
  readonly target: string;
  readonly external?: string[];
}

/** esbuild splits ECMAScript modules alone, so the parts are made as such and then turned into CommonJS one by one. */
async function bundleProgram({ name, entry, target, external = [] }: Program): Promise<Metafile> {
  const split = await build({
    ...common,
    entryPoints: { [name]: entry },
    outdir: "dist",
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target,
    external,
    chunkNames: `${name}-[name]-[hash]`,
    outExtension: { ".js": ".cjs" },
    metafile: true,
    write: false,
    sourcemap: "inline",
    sourcesContent: false,
    // Its other form declares a `require` of its own, which is not there yet when it is first called.
    alias: { "web-tree-sitter": join(root, "node_modules/web-tree-sitter/web-tree-sitter.cjs") },
    // The sources say import.meta.url; CommonJS says __filename.
    define: { "import.meta.url": "__importMetaUrl" },
  });
  const before = (await readdir(dist)).filter((file) => file.startsWith(`${name}-`));
  await Promise.all(split.outputFiles.map(({ path, text }) => toCommonJs(path, text, target)));
  const now = new Set(split.outputFiles.map(({ path }) => path));
  for (const file of before) {
    const path = join(dist, file);
    if (!now.has(path.replace(/\.map$/, ""))) await rm(path);
  }
  return split.metafile;
}

async function toCommonJs(path: string, contents: string, target: string): Promise<void> {
  await build({
    ...common,
    stdin: { contents, sourcefile: path, resolveDir: dist },
    outfile: path,
    allowOverwrite: true,
    platform: "node",
    format: "cjs",
    target,
    sourcemap: "linked",
    sourcesContent: false,
    banner: { js: 'const __importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    // A part is required at the moment when it is asked for: CommonJS throughout.
    supported: { "dynamic-import": false },
  });
}

await mkdir(dist, { recursive: true });
const bundles = await Promise.all([
  // VS Code 1.100, the oldest that package.json admits, runs extensions on Node 20.
  bundleProgram({
    name: "extension",
    entry: "extension/main.ts",
    target: "node20",
    external: ["vscode"],
  }),
  bundleProgram({ name: "server", entry: "server/main.ts", target: "node20" }),
  build({
    ...common,
    entryPoints: ["media/dashboard/page.ts", "media/dashboard/page.css"],
    outdir: "dist/dashboard",
    bundle: true,
    platform: "browser",
    format: "iife",
    // Of VS Code 1.100.
    target: "chrome132",
    metafile: true,
  }).then(({ metafile }) => metafile),
]);
const inputs = [...bundles.flatMap((metafile) => Object.keys(metafile.inputs)), ...copyGrammars(root)];
await writeFile(`${dist}/THIRD-PARTY-NOTICES.txt`, thirdPartyNotices(root, inputs));
await chmod(`${dist}/server.cjs`, 0o755);
