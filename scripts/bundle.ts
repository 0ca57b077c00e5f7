/** Bundles the extension, the server and the dashboard's page into dist/, which then need nothing from node_modules. */
import { chmod, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { copyGrammars } from "./grammars.ts";
import { thirdPartyNotices } from "./notices.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "cjs",
  minify: true,
  sourcemap: "linked",
  sourcesContent: false,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  // What reads import.meta asks first whether it is there.
  logOverride: { "empty-import-meta": "silent" },
  // The sources say import.meta.url; CommonJS says __filename.
  banner: { js: 'const __importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { "import.meta.url": "__importMetaUrl" },
} satisfies BuildOptions;

const bundles = await Promise.all([
  // VS Code 1.100, the oldest that package.json admits, runs extensions on Node 20.
  build({
    ...common,
    entryPoints: ["extension/main.ts"],
    outfile: "dist/extension.cjs",
    external: ["vscode"],
    target: "node20",
  }),
  build({ ...common, entryPoints: ["server/main.ts"], outfile: "dist/server.cjs", target: "node20" }),
  build({
    absWorkingDir: root,
    entryPoints: ["media/dashboard/page.ts", "media/dashboard/page.css"],
    outdir: "dist/dashboard",
    bundle: true,
    platform: "browser",
    format: "iife",
    // Of VS Code 1.100.
    target: "chrome132",
    minify: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  }),
]);
const inputs = [...bundles.flatMap(({ metafile }) => Object.keys(metafile.inputs)), ...copyGrammars(root)];
await writeFile(`${root}/dist/THIRD-PARTY-NOTICES.txt`, thirdPartyNotices(root, inputs));
await chmod(`${root}/dist/server.cjs`, 0o755);
