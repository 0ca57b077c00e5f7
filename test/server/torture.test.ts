/**
 * What a day of work does to a repository, at once: the state afterwards has what a fresh reading has. By default in a size
 * for every run; STATELINE_TORTURE=full gives 2,000 files, 10,000 ignored ones and 200 kills.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { STATE_TOKENS } from "../../server/repository/budget.ts";
import { folder, memoryOf } from "./fakes/memory.ts";

const FULL = process.env.STATELINE_TORTURE === "full";
const FILES = FULL ? 2000 : 200;
const IGNORED_FILES = FULL ? 10_000 : 1000;
const KILLS = FULL ? 200 : 12;

type Subject = Awaited<ReturnType<typeof memoryOf>>;

const filesOf = ({ memory }: Subject) =>
  Object.fromEntries([...memory.files].map(([path, { hash }]) => [path, hash] as const).sort());

async function fresh(root: string): Promise<Subject> {
  const subject = await memoryOf([root]);
  await subject.memory.read(subject.settings, { fromDisk: false });
  return subject;
}

function git(root: string, ...args: string[]): void {
  const identity = ["-c", "user.name=Stateline", "-c", "user.email=stateline@example.com"];
  execFileSync("git", [...identity, ...args], { cwd: root, stdio: "ignore" });
}

const nameOf = (i: number) => `src/m${i % 20}/f${i}.ts`;
const text = (i: number, branch: string) => `export const ${branch}${i} = "${branch} ${i}";\n`.repeat(6);

/** A repository whose branch "other" has other texts in some files, lacks some and has new ones. */
function branches(t: TestContext, changed: number): string {
  const root = folder(t, { "README.md": "# Files\n" });
  git(root, "init", "-q", "-b", "main");
  const write = (i: number, branch: string) => {
    mkdirSync(join(root, `src/m${i % 20}`), { recursive: true });
    writeFileSync(join(root, nameOf(i)), text(i, branch));
  };
  for (let i = 0; i < FILES; i++) write(i, "main");
  git(root, "add", "-A");
  git(root, "commit", "-q", "-m", "main");
  git(root, "checkout", "-q", "-b", "other");
  for (let i = 0; i < changed; i++) {
    if (i % 10 === 9) rmSync(join(root, nameOf(i)));
    else write(i % 10 === 8 ? FILES + i : i, "other");
  }
  git(root, "add", "-A");
  git(root, "commit", "-q", "-m", "other");
  git(root, "checkout", "-q", "main");
  return root;
}

for (const share of [0.2, 1]) {
  test(`git checkout of ${FILES * share} of ${FILES} files: the index is then as if read afresh`, async (t) => {
    const root = branches(t, FILES * share);
    const subject = await fresh(root);
    git(root, "checkout", "-q", "other");
    for (let i = 0; i < FILES * 2; i++) subject.memory.noteChange(join(root, nameOf(i)));
    await subject.memory.settled();
    const afresh = await fresh(root);
    assert.deepEqual(filesOf(subject), filesOf(afresh));
    assert.deepEqual(subject.recalled().sort(), afresh.recalled().sort());
    const { tokenCount } = subject.memory.state;
    assert.ok(tokenCount <= 2 * STATE_TOKENS, String(tokenCount));
    assert.equal(subject.memory.progress.tokensRead, afresh.memory.progress.tokensRead);
  });
}

/** Bytes of living objects. */
function heapBytes(): number {
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

test(`a build that writes ${IGNORED_FILES} ignored files again and again: nothing is read, memory stays flat`, async (t) => {
  const root = folder(t, { ".gitignore": "dist/\n", "a.ts": "const a;\n", "b.ts": "const b;\n" });
  const subject = await fresh(root);
  mkdirSync(join(root, "dist"));
  const paths = Array.from({ length: IGNORED_FILES }, (_, i) => join(root, `dist/f${i}.js`));
  for (const path of paths) writeFileSync(path, "const built;\n");
  const advances = subject.model.advanced.length;
  const build = async () => {
    for (const path of paths) subject.memory.noteChange(path);
    await subject.memory.settled();
  };
  await build();
  const before = heapBytes();
  for (let i = 0; i < 5; i++) await build();
  const grown = heapBytes() - before;
  assert.equal(subject.model.advanced.length, advances);
  assert.ok(grown < 4 * 2 ** 20, `${grown} bytes`);
  writeFileSync(join(root, "a.ts"), "const changed;\n");
  subject.memory.noteChange(join(root, "a.ts"));
  await build();
  assert.deepEqual(filesOf(subject), filesOf(await fresh(root)));
});

class Saving {
  readonly process: ChildProcess;
  readonly lines: string[] = [];

  constructor(root: string, storage: string, name: string) {
    const script = join(import.meta.dirname, "fakes/savingProcess.ts");
    this.process = spawn(process.execPath, [script, root, storage, name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: this.process.stdout! }).on("line", (line) => this.lines.push(line));
  }

  /** Resolves when it has said something new. */
  async says(line: string): Promise<void> {
    while (!this.lines.includes(line)) await once(this.process.stdout!, "data");
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await exited;
  }
}

test(`two servers on one folder, killed ${KILLS} times at random points: the state is never lost and never wrong`, async (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [nameOf(i), text(i, "main")]));
  const root = folder(t, files);
  const storage = folder(t);
  const start = (name: string) => new Saving(root, storage, name);
  const servers = [start("one.ts"), start("two.ts")];
  t.after(() => Promise.all(servers.map((server) => server.kill())));
  await Promise.all(servers.map((server) => server.says("saved")));
  let restarts = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const at = kill % 2;
    // One in three is killed while it starts.
    if (kill % 3 > 0) await servers[at]?.says("saved");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    await servers[at]?.kill();
    const said = servers[at]?.lines ?? [];
    if (kill > 1) assert.ok(!said.includes("read"), `after kill ${kill} everything was read again`);
    if (said.includes("restored")) restarts++;
    servers[at] = start(at === 0 ? "one.ts" : "two.ts");
  }
  await Promise.all(servers.map((server) => server.kill()));
  assert.ok(restarts > 0);
  const last = await memoryOf([root], storage);
  await last.memory.read(last.settings, { fromDisk: true });
  assert.ok(last.memory.wasRestored);
  assert.deepEqual(filesOf(last), filesOf(await fresh(root)));
  await last.memory.settled();
  assert.deepEqual(
    readdirSync(storage).filter((name) => name.endsWith(".tmp")),
    [],
  );
  t.diagnostic(
    `${restarts} restarts of ${KILLS} began from the saved state, ${readdirSync(storage).length} files stored`,
  );
});
