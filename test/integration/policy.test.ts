import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, type ClientOptions } from "./client.ts";
import { program, remove, temporaryFolder, write } from "./repository.ts";

/** The same calls under names that nothing else in the repository has. */
const herds = (call: string) =>
  ["spring", "summer", "autumn"]
    .map(
      (name) => `export function ${name}() {\n  const zebraQuota = ${call}(herd, pastureOf("${name}"));\n}\n`,
    )
    .join("\n");
const ASKED = "export function winter() {\n  const zebraQuota = ";

const root = realpathSync(temporaryFolder({ ".gitignore": "out/\n", ...program(10) }));
const storagePath = temporaryFolder();
execFileSync("git", ["init", "-q", root]);
let client: Client;

before(async () => {
  client = await Client.startReady({ folders: [root], storagePath, settings: { exclude: ["private/"] } });
});
after(async () => {
  await client.stop();
  remove(root, storagePath);
});

const uriOf = (path: string) => pathToFileURL(join(root, path)).href;

/** Asks by key at the end of ASKED, in a document of its own. */
let asked = 0;
async function quota(): Promise<string> {
  const uri = uriOf(`src/winter${asked++}.ts`);
  await client.open(uri, `${ASKED}\n}\n`);
  const position = { line: 1, character: ASKED.length - ASKED.indexOf("\n") - 1 };
  const [item] = (await client.complete(uri, position, { manual: true })) ?? [];
  await client.close(uri);
  return item?.insertText ?? "";
}

/** Open documents are taken in one after the other: when the one that was opened last is, all are. */
async function allTaken(): Promise<void> {
  const path = `src/last${asked++}.ts`;
  await client.open(uriOf(path), "const last = 1;\n");
  await client.until(() => client.log.some((line) => line.startsWith(`Live text of ${path}`)));
}

const openFiles: readonly [string, string, string, boolean, RegExp | undefined][] = [
  ["a new file", "vanishingQuota", "src/herds.ts", true, undefined],
  ["a file that Git ignores", "measuredQuota", "out/herds.ts", false, undefined],
  ["an excluded file", "guessedQuota", "private/herds.ts", false, /excluded/],
  ["a file of secrets", "grantedQuota", "src/secrets.toml", false, /secrets/],
];
for (const [name, call, path, isKnown, refusal] of openFiles) {
  const does = `${isKnown ? "is" : "is not"} known elsewhere and ${refusal ? "is not" : "is"} completed`;
  test(`open in the editor, ${name} ${does}`, async () => {
    const uri = uriOf(path);

    const text = `${herds(call)}${ASKED}`;
    await client.open(uri, text);
    const lines = text.split("\n");
    const position = { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
    const items = await client.complete(uri, position, { manual: true });
    if (refusal) {
      assert.equal(items, null);
      assert.match((await client.figures()).nothing ?? "", refusal);
    } else assert.match(items?.[0]?.insertText ?? "", new RegExp(call));
    await client.change(uri, { text: herds(call) });
    await allTaken();
    const offered = await quota();
    await client.close(uri);
    assert.equal(offered.includes(call), isKnown, `offered: ${offered}`);
  });
}

test("a page tells what was read, what was not, and why", async () => {
  write(root, "out/made.ts", "made\n");
  write(root, ".env", "A=1\n");
  write(root, "src/key.ts", `const a = 1;\nconst password = "h7Gk-29xQp";\n`);
  write(root, "yarn.lock", "x\n");
  await client.connection.sendRequest("stateline/reread");
  await client.until(() => client.log.some((line) => line.startsWith("Read 13 files")));
  const page: string = await client.connection.sendRequest("stateline/whatWasRead");
  const expected = [
    `## ${root}`,
    "- 13 read",
    "- 1 left out: may hold secrets",
    "- 1 left out: is a lock file",
    "- 1 left out: is ignored, as Git ignores",
    "### Read (13)",
    "    src/key.ts  (without what may be secret in line 2)",
    "    src/module0/file0.ts",
    "    .env",
    "    out/",
  ];
  for (const line of expected) assert.ok(page.includes(`\n${line}\n`), `${line}\n${page}`);
});

async function start(t: TestContext, options: Omit<ClientOptions, "storagePath"> & { storagePath?: string }) {
  const storage = options.storagePath ?? temporaryFolder();
  const started = await Client.startReady({ ...options, storagePath: storage });
  t.after(async () => {
    await started.stop();
    if (options.storagePath === undefined) remove(storage);
  });
  return started;
}

const saved = (storage: string) =>
  readdirSync(join(storage, "states")).filter((name) => name.endsWith(".json"));

test("what is excluded leaves what is saved, whenever the server ends", async (t) => {
  const storage = temporaryFolder();
  const folder = temporaryFolder({ ...program(4), "private/a.ts": herds("privateQuota") });
  t.after(() => remove(storage, folder));
  const first = await Client.startReady({ folders: [folder], storagePath: storage });
  await first.stop();
  const [before] = saved(storage);
  const second = await start(t, { folders: [folder], storagePath: storage });
  assert.ok(second.log.some((line) => line.startsWith("Restored")));
  await second.setSettings({ exclude: ["private/"] });
  await second.until(() => second.log.some((line) => line.startsWith("Read 5 files")));
  assert.deepEqual(
    saved(storage).filter((name) => name === before),
    [],
  );
  await second.stop();
  assert.equal(saved(storage).length, 1);
  const third = await start(t, {
    folders: [folder],
    storagePath: storage,
    settings: { exclude: ["private/"] },
  });
  assert.ok(third.log.some((line) => line.startsWith("Restored")));
  const page: string = await third.connection.sendRequest("stateline/whatWasRead");
  assert.ok(!page.includes("    private/a.ts\n") || page.includes("is excluded"), page);
});

test("each folder of the workspace has its own exclude", async (t) => {
  const folders = [0, 1].map(() =>
    realpathSync(temporaryFolder({ "a.ts": "const a = 1;\n", "gen/b.ts": "const b = 1;\n" })),
  );
  t.after(() => remove(...folders));
  const folderSettings = { [pathToFileURL(folders[1]!).href]: { exclude: ["gen/"] } };
  const own = await start(t, { folders, folderSettings });
  assert.ok(
    own.log.some((line) => line.startsWith("Read 3 files")),
    own.log.join("\n"),
  );
});

test("a workspace reached through a link is the one reached by its path", async (t) => {
  const storage = temporaryFolder();
  const folder = realpathSync(temporaryFolder(program(2)));
  const link = join(storage, "link");
  symlinkSync(folder, link);
  t.after(() => remove(storage, folder));
  const first = await Client.startReady({ folders: [link], storagePath: storage });
  await first.stop();
  const second = await start(t, { folders: [folder], storagePath: storage });
  assert.ok(
    second.log.some((line) => line.startsWith("Restored")),
    second.log.join("\n"),
  );
});
