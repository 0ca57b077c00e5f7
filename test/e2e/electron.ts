// The suite of the extension host under VS Code proper: `./dev test --electron`, where the internet is.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runTests } from "@vscode/test-electron";
import { bundleSuite, fixtureRepository, removeRepository } from "./packages.ts";
import { resultsOf } from "./results.ts";
import { cache, root } from "./workbench.ts";

const results = join(cache, "results-electron.jsonl");
const repository = fixtureRepository();
mkdirSync(cache, { recursive: true });
try {
  await runTests({
    cachePath: join(root, ".cache", "vscode-test"),
    extensionDevelopmentPath: root,
    extensionTestsPath: await bundleSuite(),
    extensionTestsEnv: { STATELINE_E2E_RESULTS: results },
    launchArgs: [repository, "--disable-extensions", "--disable-workspace-trust", "--disable-telemetry"],
  });
} catch (error) {
  process.exitCode = 1;
  console.error(error instanceof Error ? error.message : error);
} finally {
  removeRepository(repository);
}

const all = await resultsOf(results, 1000).catch(() => []);
for (const { title, error } of all) console.log(error === undefined ? `✔ ${title}` : `✖ ${title}\n${error}`);
const failed = all.filter(({ error }) => error !== undefined).length;
if (all.length === 0) process.exitCode = 1;
// In the words of Node's runner, which ./dev counts.
console.log(`# pass ${all.length - failed}\n# fail ${failed}`);
