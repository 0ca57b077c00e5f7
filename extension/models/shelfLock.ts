/** One click in one window at a time: two would write into the same files, or delete what the other one writes. */
import { rmSync } from "node:fs";
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { catalogueModel } from "../../protocol/catalogue.ts";
import { hasCode } from "../../protocol/reason.ts";
import { FetchError } from "./fetchError.ts";

/** While a lock is held its file is touched so often. */
const BEAT_MS = 5000;
/** A file that was not touched for so long is left over: another process has its owner's number by now. */
const SILENT_MS = 60_000;

/** A file with its owner's process; it is left over when that ended. */
export class ShelfLock implements Disposable {
  static readonly #held = new Set<string>();
  readonly #path: string;
  readonly #beat: NodeJS.Timeout;

  static async take(path: string, name: string): Promise<ShelfLock> {
    const title = catalogueModel(name)?.title ?? name;
    if (ShelfLock.#held.has(path))
      throw new FetchError(
        "busy",
        `${title} is being fetched or deleted already: see its notification, and wait or cancel there.`,
      );
    ShelfLock.#held.add(path);
    try {
      if (await isLeftOver(path)) await rm(path, { force: true });
      await writeFile(path, String(process.pid), { flag: "wx" });
      return new ShelfLock(path);
    } catch (cause) {
      ShelfLock.#held.delete(path);
      if (!hasCode(cause, "EEXIST")) throw cause;
      throw new FetchError(
        "busy",
        `Another window is fetching or deleting ${title}: wait for it, or cancel it there.`,
      );
    }
  }

  private constructor(path: string) {
    this.#path = path;
    this.#beat = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => undefined);
    }, BEAT_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat);
    ShelfLock.#held.delete(this.#path);
    rmSync(this.#path, { force: true });
  }
}

/** Nobody in this process holds it. */
async function isLeftOver(path: string): Promise<boolean> {
  const touched = await stat(path).catch(() => undefined);
  if (!touched) return false;
  // 0: it is just being written.
  const owner = Number(await readFile(path, "utf8").catch(() => ""));
  const hasEnded = owner > 0 && (owner === process.pid || !isRunning(owner));
  return hasEnded || Date.now() - touched.mtimeMs > SILENT_MS;
}

function isRunning(owner: number): boolean {
  try {
    return process.kill(owner, 0);
  } catch (cause) {
    // It is somebody else's.
    return hasCode(cause, "EPERM");
  }
}
