import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WRITER } from "../../server/repository/stateFolder.ts";
import { StateStore, type StoreBounds } from "../../server/repository/stateStore.ts";
import { silentLog } from "./fakes/engine.ts";
import { folder } from "./fakes/memory.ts";

const keyOf = (n: number) => n.toString(16).padStart(32, "0");
const KEY = keyOf(1);
const EARLIER = new Date(Date.now() - 3_600_000);

function reading(stream: number, path = "a.ts") {
  const files = [{ folder: 0, path, hash: "0a", tokens: 3 }];
  return { streamHash: keyOf(stream).repeat(2), tokensRead: 3, stateHeads: 6, attentionWindow: 0, files };
}

/** A writer of this machine that has ended. */
function deadWriter(): string {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  return WRITER.replace(/-\d+-/, `-${pid}-`);
}

const stored = (directory: string, ending: string) =>
  readdirSync(directory).filter((name) => name.endsWith(ending));
const storeIn = (directory: string, bounds?: StoreBounds) => new StateStore(directory, silentLog, bounds);

/** An entry of this process, "two", and an older one of another process that lives, "one". */
async function besideAnother(directory: string) {
  const store = storeIn(directory);
  await store.save(KEY, reading(1), Buffer.from("one"));
  const [own = ""] = stored(directory, ".json");
  const living = own.replace(WRITER, WRITER.replace(/-\d+-/, `-${process.ppid}-`));
  renameSync(join(directory, own), join(directory, living));
  utimesSync(join(directory, living), EARLIER, EARLIER);
  await store.save(KEY, reading(2), Buffer.from("two"));
  return { store, own, living };
}

test("store: what is saved is loaded; folder and files are the user's alone, also in an older folder", async (t) => {
  const directory = folder(t);
  chmodSync(directory, 0o755);
  await storeIn(directory).save(KEY, reading(1), Buffer.from("state"));
  const loaded = await storeIn(directory).load(KEY);
  assert.deepEqual(loaded?.reading, reading(1));
  assert.equal(String(loaded?.bytes), "state");
  assert.equal(await storeIn(directory).load(keyOf(2)), undefined);
  if (process.platform === "win32") return;
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  const names = readdirSync(directory);
  assert.equal(names.length, 3);
  for (const name of names) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
});

test("store: what did not change is not written again, and what nobody names goes", async (t) => {
  const directory = folder(t);
  const store = storeIn(directory);
  await store.save(KEY, reading(1), Buffer.from("state"));
  const inode = () => stored(directory, ".state").map((name) => statSync(join(directory, name)).ino);
  const before = { state: inode(), list: stored(directory, ".files") };
  await store.save(KEY, reading(1, "b.ts"), Buffer.from("state"));
  assert.deepEqual(inode(), before.state);
  assert.notDeepEqual(stored(directory, ".files"), before.list);
  assert.equal(stored(directory, ".files").length, 1);
  await store.save(KEY, reading(2), Buffer.from("next"));
  assert.equal(readdirSync(directory).length, 3);
  assert.equal(String((await store.load(KEY))?.bytes), "next");
});

test("store: another writer's entry stands beside, the newest counts, a dead writer's older one goes", async (t) => {
  const directory = folder(t);
  const { store, own, living } = await besideAnother(directory);
  assert.equal(stored(directory, ".state").length, 2);
  assert.equal(String((await store.load(KEY))?.bytes), "two");
  renameSync(join(directory, living), join(directory, own.replace(WRITER, deadWriter())));
  for (const name of stored(directory, ".state")) utimesSync(join(directory, name), EARLIER, EARLIER);
  await store.save(KEY, reading(3), Buffer.from("three"));
  assert.equal(readdirSync(directory).length, 3);
  assert.equal(String((await store.load(KEY))?.bytes), "three");
});

test("store: when the newest is damaged the one before it counts", async (t) => {
  const directory = folder(t);
  const { store, own } = await besideAnother(directory);
  truncateSync(join(directory, own), 10);
  assert.equal(String((await store.load(KEY))?.bytes), "one");
  writeFileSync(join(directory, own), "x".repeat(10_000));
  assert.equal(String((await store.load(KEY))?.bytes), "one");
});

test("store: what a dead writer began goes, what another one is writing and what is not of the store stays", async (t) => {
  const directory = folder(t);
  const store = storeIn(directory);
  const begun = (writer: string) => `${KEY}-${keyOf(9)}.state.${writer}.tmp`;
  const living = begun(WRITER.replace(/-\d+-/, `-${process.ppid}-`));
  for (const name of [begun(deadWriter()), living, "notes.txt", "x.json"])
    writeFileSync(join(directory, name), "x");
  const oldVersion = [`${KEY}.json`, `${KEY}-${"0".repeat(16)}.state`];
  for (const name of oldVersion) writeFileSync(join(directory, name), '{"version":1}');
  for (const name of oldVersion) utimesSync(join(directory, name), EARLIER, EARLIER);
  await store.save(KEY, reading(1), Buffer.from("one"));
  const names = readdirSync(directory);
  assert.deepEqual(
    names.filter((name) => name.endsWith(".tmp")),
    [living],
  );
  for (const name of ["notes.txt", "x.json"]) assert.ok(names.includes(name), name);
  for (const name of oldVersion) assert.ok(!names.includes(name), name);
});

test("store: the longest unused go first, by count and by bytes; what is loaded was used", async (t) => {
  const directory = folder(t);
  const store = storeIn(directory, { entries: 3, bytes: 10_000 });
  const age = (n: number, seconds: number) => {
    const at = new Date(Date.now() - seconds * 1000);
    for (const name of readdirSync(directory))
      if (name.startsWith(keyOf(n))) utimesSync(join(directory, name), at, at);
  };
  const kept = () => [
    ...new Set(readdirSync(directory).map((name) => Number.parseInt(name.slice(0, 32), 16))),
  ];
  for (const n of [1, 2, 3]) {
    await store.save(keyOf(n), reading(n), Buffer.alloc(100));
    age(n, 1000 - n);
  }
  await store.load(keyOf(1));
  await store.save(keyOf(4), reading(4), Buffer.alloc(100));
  assert.deepEqual(kept().sort(), [1, 3, 4]);
  await store.save(keyOf(5), reading(5), Buffer.alloc(4900));
  age(5, 1);
  await store.save(keyOf(6), reading(6), Buffer.alloc(4900));
  assert.deepEqual(kept().sort(), [1, 4, 6]);
  await store.save(keyOf(7), reading(7), Buffer.alloc(4900));
  assert.deepEqual(kept(), [7]);
  await store.save(keyOf(8), reading(8), Buffer.alloc(6000));
  assert.deepEqual(kept(), [7]);
});

test("store: a state that another server took away before it was named is written again", async (t) => {
  const directory = folder(t);
  const store = storeIn(directory);
  await store.save(KEY, reading(1), Buffer.from("one"));
  await store.remove((key) => key === KEY);
  assert.deepEqual(readdirSync(directory), []);
  await store.save(KEY, reading(1), Buffer.from("one"));
  assert.equal(readFileSync(join(directory, stored(directory, ".state")[0] ?? ""), "utf8"), "one");
});
