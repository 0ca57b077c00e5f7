/**
 * A real server while a log grows ten times a second, a build writes ignored files and a person saves: each save is read
 * within ten seconds. By default for some seconds; STATELINE_TORTURE=full takes a minute, 10,000 ignored files, and switches
 * 2,000 files by git checkout.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client } from "./client.ts";
import { program, remove, temporaryFolder, write } from "./repository.ts";

const FULL = process.env.STATELINE_TORTURE === "full";
const LOG_MS = FULL ? 60_000 : 10_000;
const IGNORED_FILES = FULL ? 10_000 : 1000;
const FILES = FULL ? 2000 : 60;
const LATEST_MS = 10_000;

function folder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const root = temporaryFolder(files);
  t.after(() => remove(root));
  return root;
}

function told(client: Client, root: string, ...paths: string[]): void {
  const changes = paths.map((path) => ({ uri: pathToFileURL(join(root, path)).href, type: 2 }));
  void client.connection.sendNotification("workspace/didChangeWatchedFiles", { changes });
}

/** Of the server's process, where the system tells. */
function memoryMb({ process: { pid } }: Client): number {
  if (process.platform !== "linux") return 0;
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

test("a log that grows ten times a second and a build hold up no save, and cause no whole reading", async (t) => {
  const root = folder(t, { ...program(20), ".gitignore": "dist/\n", "src/trace.ts": "export {};\n" });
  const client = await Client.startReady({ folders: [root], storagePath: folder(t) });
  t.after(() => client.stop());
  const built = Array.from({ length: IGNORED_FILES }, (_, i) => `dist/f${i}.js`);
  for (const path of built) write(root, path, "const built = 1;\n");
  const memoryBeforeMb = memoryMb(client);
  const startedMs = performance.now();
  const growing = setInterval(() => {
    appendFileSync(join(root, "src/trace.ts"), `trace(${Math.round(performance.now())});\n`);
    told(client, root, "src/trace.ts");
  }, 100);
  t.after(() => clearInterval(growing));
  const waitedMs: number[] = [];
  for (let i = 0; performance.now() - startedMs < LOG_MS; i++) {
    const seen = client.log.length;
    const savedMs = performance.now();
    write(root, `src/saved${i}.ts`, `export const saved${i} = ${i};\n`);
    told(client, root, `src/saved${i}.ts`, ...built);
    const isRead = (line: string) => line.startsWith("Read the new text") && line.includes(`saved${i}.ts`);
    await client.until(() => client.log.slice(seen).some(isRead));
    waitedMs.push(performance.now() - savedMs);
  }
  clearInterval(growing);
  const traced = client.log.filter(
    (line) => line.startsWith("Read the new text") && line.includes("trace.ts"),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const grownMb = memoryMb(client) - memoryBeforeMb;
  t.diagnostic(
    `${waitedMs.length} saves, read after at most ${Math.max(...waitedMs).toFixed(0)} ms; the log ${traced.length} times in ${seconds.toFixed(0)} s; memory ${grownMb.toFixed(0)} MB more`,
  );
  assert.ok(Math.max(...waitedMs) <= LATEST_MS, waitedMs.join());
  assert.ok(traced.length >= 1 && traced.length <= 1 + seconds / 8, String(traced.length));
  assert.equal(client.log.filter((line) => line.startsWith("Read 2")).length, 1);
  assert.ok(!client.log.some((line) => line.includes(join(root, "dist"))));
  assert.ok(grownMb < 100, `${grownMb} MB`);
});

test(`git checkout of ${FILES} files: the state is read anew once, and after a restart nothing is left to read`, async (t) => {
  const text = (i: number, branch: string) =>
    `export const ${branch}${i} = "${branch} of ${i}";\n`.repeat(FULL ? 3 : 40);
  const names = Array.from({ length: FILES }, (_, i) => `src/m${i % 20}/f${i}.ts`);
  const root = folder(t, Object.fromEntries(names.map((path, i) => [path, text(i, "main")])));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=S", "-c", "user.email=s@example.com", ...args], { cwd: root });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-q", "-m", "main");
  git("checkout", "-q", "-b", "other");
  for (const [i, path] of names.entries()) write(root, path, text(i, "other"));
  git("commit", "-q", "-a", "-m", "other");
  git("checkout", "-q", "main");
  const storagePath = folder(t);
  const client = await Client.startReady({ folders: [root], storagePath });
  git("checkout", "-q", "other");
  told(client, root, ...names);
  const logged = (begin: string) => client.log.filter((line) => line.startsWith(begin)).length;
  await client.until(() => logged("Read the state anew") === 1);
  await client.stop();
  assert.deepEqual([logged(`Read ${FILES} files`), logged("Read the state anew")], [1, 1]);
  const second = await Client.startReady({ folders: [root], storagePath });
  t.after(() => second.stop());
  assert.ok(
    second.log.some((line) => line.includes("0 files changed since")),
    second.log.join("\n"),
  );
});
