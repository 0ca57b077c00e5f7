/** A folder of files that several servers write at once: whole files or none, each with its writer's name, and what may go. */

import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { hasCode } from "../log.ts";

/** What is not named by a description yet may be about to be, by another server, for so long. */
const GRACE_MS = 10 * 60_000;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
/** Of this process, among all that write to a folder. */
export const WRITER = writerName();
const WRITER_NAME = /^([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}$/;

export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** For this user's eyes only, also if it was made by an older version. */
  async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: PRIVATE_FOLDER });
    await chmod(this.path, PRIVATE_FOLDER);
  }

  async list(): Promise<StoredFile[]> {
    const names = await readdir(this.path);
    const files = await Promise.all(names.map((name) => this.look(name)));
    return files.filter((file) => file !== undefined);
  }

  /** undefined: it is not there. */
  async look(name: string): Promise<StoredFile | undefined> {
    const entry = await stat(join(this.path, name)).catch(() => undefined);
    return entry?.isFile() ? { name, bytes: entry.size, modifiedMs: entry.mtimeMs } : undefined;
  }

  /** Throws when there is no such file or it has more than `mostBytes`. */
  async read(name: string, mostBytes: number): Promise<Buffer> {
    const file = await open(join(this.path, name), "r");
    try {
      const { size } = await file.stat();
      if (size > mostBytes) throw new Error(`${name} has ${size} bytes, more than ${mostBytes}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  /** After a crash there is the file before or this one. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const temporary = join(this.path, `${name}.${writerName()}.tmp`);
    const file = await open(temporary, "w", PRIVATE_FILE);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.path, name));
    await this.#syncFolder();
  }

  /** It was used now; false: it is not there. */
  async touch(name: string): Promise<boolean> {
    const file = await open(join(this.path, name), "r+").catch(() => undefined);
    if (!file) return false;
    try {
      await file.utimes(new Date(), new Date());
      return true;
    } finally {
      await file.close();
    }
  }

  async remove(names: Iterable<string>): Promise<void> {
    await Promise.all([...names].map((name) => rm(join(this.path, name), { force: true })));
  }

  async #syncFolder(): Promise<void> {
    // Windows opens no folders.
    if (process.platform === "win32") return;
    const folder = await open(this.path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

function writerName(): string {
  return `${HOST}-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/** Whether a writer of this machine has ended. Of other machines nobody here knows. */
export function isDead(writer: string): boolean {
  const [, host, pid] = WRITER_NAME.exec(writer) ?? [];
  if (host !== HOST) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (cause) {
    return hasCode(cause, "ESRCH");
  }
}

/** Whether nobody can be about to name it. */
export function isSettled({ modifiedMs }: StoredFile, nowMs: number): boolean {
  return nowMs - modifiedMs > GRACE_MS;
}
