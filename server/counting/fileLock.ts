/** One writer at a time among the processes that share a file: the one that made the lock's file, which it takes away again. */
import { open, readFile, rm, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../log.ts";
import { isDead, WRITER } from "../repository/stateFolder.ts";

const MOST_WAIT_MS = 5000;
const RETRY_MS = 20;
/** What is done under a lock takes milliseconds: one that is this old was left by a process that ended. */
const STALE_MS = 60_000;

/** Throws when another process holds the lock for long. */
export async function withLock<Result>(path: string, job: () => Promise<Result>): Promise<Result> {
  const endMs = performance.now() + MOST_WAIT_MS;
  while (!(await take(path))) {
    if (performance.now() > endMs) throw new Error(`another process holds ${path}`);
    await breakStale(path);
    await delay(RETRY_MS * (0.5 + Math.random()));
  }
  try {
    return await job();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(WRITER).finally(() => file.close());
    return true;
  } catch (cause) {
    if (hasCode(cause, "EEXIST")) return false;
    throw cause;
  }
}

/** Under a lock of its own, or two that find a dead process's lock could take away each other's new one. */
async function breakStale(path: string): Promise<void> {
  if (!(await isStale(path))) return;
  const breaking = `${path}.breaking`;
  if (!(await take(breaking))) {
    if (await isStale(breaking)) await rm(breaking, { force: true });
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(breaking, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const [writer, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return isDead(writer) || Date.now() - mtimeMs > STALE_MS;
  } catch (cause) {
    // It was taken away in between.
    if (hasCode(cause, "ENOENT")) return false;
    throw cause;
  }
}
