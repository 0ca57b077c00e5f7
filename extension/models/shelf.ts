/** The folder of fetched models: NAME/ with the engine's files, and while one is being fetched what it will consist of. */
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isFetched, UNFINISHED_FETCH as UNFINISHED } from "../../protocol/catalogue.ts";
import { hasCode } from "../../protocol/reason.ts";
import { FetchError } from "./fetchError.ts";
import { bytesOf, type Listing } from "./listing.ts";
import { ShelfLock } from "./shelfLock.ts";

const CONFIG = "config.json";
const PART = ".part";
/** On Windows a file stays for as long as a server has it open. */
const PATIENCE = { maxRetries: 8, retryDelay: 200 } as const;

export type Shelved =
  | { readonly kind: "absent" }
  | { readonly kind: "whole"; readonly bytes: number }
  /** Paused, or its editor ended. */
  | { readonly kind: "part"; readonly listing: Listing; readonly bytes: number; readonly of: number };

/** What is written to it rejects with FetchError. */
export class Shelf {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  pathOf(name: string): string {
    return join(this.folder, name);
  }

  /** Of a file that is still being fetched. */
  partOf(name: string, file: string): string {
    return join(this.folder, name, `${file}${PART}`);
  }

  async look(name: string): Promise<Shelved> {
    const files = await this.#filesOf(name);
    const listing = await this.#listingOf(name);
    if (files.size === 0 || listing === "unreadable") return { kind: "absent" };
    const bytes = [...files.values()].reduce((sum, size) => sum + size, 0);
    if (listing) return { kind: "part", listing, bytes, of: bytesOf(listing) };
    return files.has(CONFIG) ? { kind: "whole", bytes } : { kind: "absent" };
  }

  /** Bytes of the file that are there; undefined: it is whole. */
  async partSize(name: string, file: string, size: number): Promise<number | undefined> {
    if ((await sizeOf(join(this.pathOf(name), file))) === size) return undefined;
    return (await sizeOf(this.partOf(name, file))) ?? 0;
  }

  begin(name: string, listing: Listing): Promise<void> {
    return this.write(async () => {
      await mkdir(this.pathOf(name), { recursive: true });
      await writeFile(join(this.pathOf(name), UNFINISHED), JSON.stringify(listing));
    });
  }

  finishFile(name: string, file: string): Promise<void> {
    return this.write(() => rename(this.partOf(name, file), join(this.pathOf(name), file)));
  }

  finish(name: string): Promise<void> {
    return this.write(() => rm(join(this.pathOf(name), UNFINISHED)));
  }

  /** Held while a model is fetched or deleted; the first that is written, so a folder that cannot be is told here. */
  lock(name: string): Promise<Disposable> {
    return this.write(async () => {
      await mkdir(this.folder, { recursive: true });
      return await ShelfLock.take(join(this.folder, `${name}.lock`), name);
    });
  }

  /** Without its configuration it is no model, should the rest not go. */
  remove(name: string): Promise<void> {
    return this.write(async () => {
      await rm(join(this.pathOf(name), CONFIG), { force: true });
      await rm(this.pathOf(name), { recursive: true, force: true, ...PATIENCE });
    });
  }

  /** Bytes that may be written here. */
  room(): Promise<number> {
    return this.write(async () => {
      await mkdir(this.folder, { recursive: true });
      const { bavail, bsize } = await statfs(this.folder);
      return bavail * bsize;
    });
  }

  /** What the disk refuses becomes a sentence. */
  async write<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof FetchError) throw cause;
      const other = "name another folder in stateline.models.folder";
      if (hasCode(cause, "ENOSPC") || hasCode(cause, "EDQUOT"))
        throw new FetchError("space", `${this.folder} is full: free some room, or ${other}.`, { cause });
      const code = cause instanceof Error && "code" in cause ? ` (${cause.code})` : "";
      const sentence = `${this.folder} cannot be written${code}: allow it to be, or ${other}.`;
      throw new FetchError("disk", sentence, { cause });
    }
  }

  async #filesOf(name: string): Promise<Map<string, number>> {
    const entries = await readdir(this.pathOf(name), { withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    const kept = names.filter((file) => isFetched(file.endsWith(PART) ? file.slice(0, -PART.length) : file));
    const sizes = kept.map(
      async (file) => [file, (await sizeOf(join(this.pathOf(name), file))) ?? 0] as const,
    );
    return new Map(await Promise.all(sizes));
  }

  /** undefined: nothing is being fetched. */
  async #listingOf(name: string): Promise<Listing | "unreadable" | undefined> {
    const text = await readFile(join(this.pathOf(name), UNFINISHED), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const listing: Listing = JSON.parse(text);
      return listing.files.every(({ path }) => isFetched(path)) ? listing : "unreadable";
    } catch {
      return "unreadable";
    }
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
