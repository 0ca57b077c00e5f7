/** The package for other editors, as it is installed: packed, put into an empty folder, started by its name. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client } from "./client.ts";
import { installed } from "./packed.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

test("out of an empty folder `stateline --stdio` reads a repository and completes in it", async (t) => {
  const modules = installed(t);
  assert.deepEqual(
    readdirSync(modules).filter((name) => !name.startsWith(".")),
    ["stateline"],
  );
  const command = join(modules, ".bin", "stateline");
  assert.match(execFileSync(command, ["--help"], { encoding: "utf8" }), /--stdio/);

  const [root, storagePath] = [temporaryFolder(program(3)), temporaryFolder({})];
  const client = await Client.start({ folders: [root], storagePath, server: command });
  t.after(async () => {
    await client.stop();
    for (const folder of [root, storagePath]) remove(folder);
  });
  await client.until(() => client.status?.state === "ready");
  const uri = pathToFileURL(join(root, "src/new.ts")).href;
  await client.open(uri, 'import { createAccount0 } from "./module0/file0.ts";\nconst account = createAcc');
  const items = await client.complete(uri, { line: 1, character: 25 }, { manual: true });
  assert.match(items?.[0]?.insertText ?? "", /^ount0/);
});
