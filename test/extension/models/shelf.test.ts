import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FetchError, type FetchProblem } from "../../../extension/models/fetchError.ts";
import { Shelf } from "../../../extension/models/shelf.ts";
import { UNFINISHED_FETCH } from "../../../protocol/catalogue.ts";

const NAME = "granite-4.0-h-350m";

function shelved(t: TestContext, files: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "stateline-shelf-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, NAME));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, NAME, file), text);
  return { folder, shelf: new Shelf(folder), lockPath: join(folder, `${NAME}.lock`) };
}

function refusal(problem: FetchProblem, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof FetchError, String(error));
    assert.equal(error.problem, problem);
    assert.match(error.message, pattern);
    return true;
  };
}

test("a model is worked at by one click at a time, whichever window asks", async (t) => {
  const { folder, shelf } = shelved(t);
  const lock = await shelf.lock(NAME);
  await assert.rejects(new Shelf(folder).lock(NAME), refusal("busy", /^Granite 4\.0 H 350M is .* already/));
  (await shelf.lock("another"))[Symbol.dispose]();
  lock[Symbol.dispose]();
  (await shelf.lock(NAME))[Symbol.dispose]();
  assert.deepEqual(readdirSync(folder), [NAME]);
});

test("another window's lock counts while its process lives and touches it", async (t) => {
  const { shelf, lockPath } = shelved(t);
  const other = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
  t.after(() => other.kill());
  writeFileSync(lockPath, String(other.pid));
  await assert.rejects(shelf.lock(NAME), refusal("busy", /^Another window .* Granite 4\.0 H 350M/));
  utimesSync(lockPath, 0, 0);
  (await shelf.lock(NAME))[Symbol.dispose]();
  assert.ok(!existsSync(lockPath));
});

test("a lock that is left over of an ended process does not count, nor one of this process's number", async (t) => {
  const { shelf, lockPath } = shelved(t);
  for (const owner of [2 ** 30, process.pid]) {
    writeFileSync(lockPath, String(owner));
    (await shelf.lock(NAME))[Symbol.dispose]();
  }
});

for (const [code, problem, pattern] of [
  ["EACCES", "disk", /cannot be written \(EACCES\): allow it to be, or .* stateline\.models\.folder\.$/],
  ["ENOSPC", "space", /is full: free some room, or .* stateline\.models\.folder\.$/],
] as const) {
  test(`what the disk refuses is a sentence: ${code}`, async (t) => {
    const { shelf } = shelved(t);
    const refused = shelf.write(() => Promise.reject(Object.assign(new Error("no"), { code })));
    await assert.rejects(refused, refusal(problem, pattern));
  });
}

test("a folder that cannot be made is told by the lock, the first that is written", async (t) => {
  const { folder } = shelved(t, { file: "" });
  const shelf = new Shelf(join(folder, NAME, "file", "models"));
  await assert.rejects(shelf.lock(NAME), refusal("disk", /models cannot be written \(ENOTDIR\)/));
});

test("a removed model is gone", async (t) => {
  const { shelf } = shelved(t, { "config.json": "{}", "model.safetensors": "" });
  assert.equal((await shelf.look(NAME)).kind, "whole");
  await shelf.remove(NAME);
  assert.deepEqual(await shelf.look(NAME), { kind: "absent" });
});

test("a model whose listing was cut off is not taken for a whole one", async (t) => {
  const { shelf } = shelved(t, { "config.json": "{}", [UNFINISHED_FETCH]: '{"reposi' });
  assert.deepEqual(await shelf.look(NAME), { kind: "absent" });
});
