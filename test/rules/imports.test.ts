/** The import directions of TypeScript are Biome rules: a planted violation of each must be caught. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "stateline-rules-"));
  cpSync(join(root, "biome.json"), join(folder, "biome.json"));
  // The configuration wants a .gitignore with something in it.
  writeFileSync(join(folder, ".gitignore"), "dist/\n");
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Lints one set of files by themselves and returns the names of the rules they break. */
function brokenRules(files: Readonly<Record<string, string>>): string[] {
  const planted = Object.entries(files).map(([path, text]) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    return join(folder, path);
  });
  const biome = join(root, "node_modules", ".bin", "biome");
  const { stdout, stderr, error } = spawnSync(biome, ["lint", "--reporter=json", ...Object.keys(files)], {
    cwd: folder,
    encoding: "utf8",
  });
  if (error) throw error;
  assert.notEqual(stdout, "", stderr);
  for (const path of planted) rmSync(path);
  const report: { diagnostics: { category: string }[] } = JSON.parse(stdout);
  return report.diagnostics.map(({ category }) => category.split("/").at(-1) ?? category);
}

const importing = (specifier: string): string => `import { x } from "${specifier}";\nexport const y = [x];\n`;

const FORBIDDEN: readonly (readonly [file: string, imports: string])[] = [
  ["protocol/a.ts", "vscode-jsonrpc"],
  ["protocol/a.ts", "../server/log.ts"],
  ["extension/a.ts", "../server/log.ts"],
  ["extension/panels/a.ts", "../../server/engine/engine.ts"],
  ["extension/a.ts", "../test/e2e/workbench.ts"],
  ["server/a.ts", "vscode"],
  ["server/a.ts", "../extension/main.ts"],
  ["server/a.ts", "../test/server/fixture.ts"],
  ["server/completion/a.ts", "vscode"],
  ["server/completion/a.ts", "../main.ts"],
  ["server/completion/a.ts", "../cli/complete.ts"],
  ["server/syntax/a.ts", "../completion/context.ts"],
  ["server/syntax/a.ts", "../engine/engine.ts"],
  ["server/repository/a.ts", "../completion/context.ts"],
  ["server/repository/a.ts", "../main.ts"],
  ["server/engine/a.ts", "../repository/crawl.ts"],
  ["server/measure/a.ts", "../completion/context.ts"],
  ["server/measure/a.ts", "../measuring.ts"],
  ["server/a.ts", "./measure/main.ts"],
  ["server/repository/a.ts", "../measure/sample.ts"],
  ["server/completion/a.ts", "../measuring.ts"],
  ["extension/a.ts", "./measure/dashboard.ts"],
  ["server/a.ts", "../media/dashboard/page.ts"],
  ["extension/a.ts", "../media/dashboard/page.ts"],
  ["media/dashboard/a.ts", "vscode"],
  ["media/dashboard/a.ts", "node:fs"],
  ["media/dashboard/a.ts", "../../extension/main.ts"],
  ["media/dashboard/a.ts", "../../server/log.ts"],
  ["server/engine/a.ts", "../completion/context.ts"],
];

for (const [file, specifier] of FORBIDDEN) {
  test(`${file} may not import ${specifier}`, () => {
    assert.deepEqual(brokenRules({ [file]: importing(specifier) }), ["noRestrictedImports"]);
  });
}

const ALLOWED: readonly (readonly [file: string, imports: string])[] = [
  ["protocol/a.ts", "./b.ts"],
  ["extension/a.ts", "vscode"],
  ["extension/panels/a.ts", "../../protocol/messages.ts"],
  ["server/main.ts", "./completion/context.ts"],
  ["server/measuring.ts", "./measure/main.ts"],
  ["server/measure/a.ts", "../stateline.ts"],
  ["extension/measure/a.ts", "./dashboard.ts"],
  ["server/completion/a.ts", "../repository/crawl.ts"],
  ["server/completion/a.ts", "../syntax/trees.ts"],
  ["server/repository/a.ts", "../engine/engine.ts"],
  ["server/engine/a.ts", "../../protocol/messages.ts"],
  ["server/measure/a.ts", "../repository/sources.ts"],
  ["media/dashboard/a.ts", "../../protocol/dashboard.ts"],
  ["media/dashboard/a.ts", "@observablehq/plot"],
  ["test/server/a.ts", "../../server/completion/context.ts"],
];

for (const [file, specifier] of ALLOWED) {
  test(`${file} may import ${specifier}`, () => {
    assert.deepEqual(brokenRules({ [file]: importing(specifier) }), []);
  });
}

test("a cycle between two files is caught on both sides", () => {
  const found = brokenRules({
    "server/completion/a.ts": 'import { b } from "./b.ts";\nexport const a = (): number => b();\n',
    "server/completion/b.ts": 'import { a } from "./a.ts";\nexport const b = (): number => a();\n',
  });
  assert.deepEqual(found, ["noImportCycles", "noImportCycles"]);
});

test("a promise of another file's function that nobody awaits is caught", () => {
  const found = brokenRules({
    "server/a.ts": "export async function later(): Promise<number> {\n  return 1;\n}\n",
    "server/b.ts": 'import { later } from "./a.ts";\nlater();\n',
  });
  assert.deepEqual(found, ["noFloatingPromises"]);
});

test("any and a non-null assertion are caught, the assertion not in tests", () => {
  const text = "export const first = (list: any) => list[0]!;\n";
  assert.deepEqual(brokenRules({ "server/a.ts": text }).sort(), ["noExplicitAny", "noNonNullAssertion"]);
  assert.deepEqual(brokenRules({ "test/a.ts": text }), ["noExplicitAny"]);
});
