/** The folder of fetched models: NAME/ with the engine's files, and while one is being fetched what it will consist of. */
import { rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isFetched, UNFINISHED_FETCH as UNFINISHED } from "../../protocol/catalogue.ts";
import { FetchError } from "./fetchError.ts";
import { bytesOf, type Listing } from "./listing.ts";

const LOCK = "fetching.pid";
const PART = ".part";

export type Shelved =
  | { readonly kind: "absent" }
  | { readonly kind: "whole"; readonly bytes: number }
  /** Paused, or its editor ended. */
  | { readonly kind: "part"; readonly listing: Listing; readonly bytes: number; readonly of: number };

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
    if (files.size === 0) return { kind: "absent" };
    const bytes = [...files.values()].reduce((sum, size) => sum + size, 0);
    const listing = await this.#listingOf(name);
    if (listing) return { kind: "part", listing, bytes, of: bytesOf(listing) };
    return files.has("config.json") ? { kind: "whole", bytes } : { kind: "absent" };
  }

  /** Bytes of the file that are there; undefined: it is whole. */
  async partSize(name: string, file: string, size: number): Promise<number | undefined> {
    if ((await sizeOf(join(this.pathOf(name), file))) === size) return undefined;
    return (await sizeOf(this.partOf(name, file))) ?? 0;
  }

  async begin(name: string, listing: Listing): Promise<void> {
    await mkdir(this.pathOf(name), { recursive: true });
    await writeFile(join(this.pathOf(name), UNFINISHED), JSON.stringify(listing));
  }

  async finishFile(name: string, file: string): Promise<void> {
    await rename(this.partOf(name, file), join(this.pathOf(name), file));
  }

  async finish(name: string): Promise<void> {
    await rm(join(this.pathOf(name), UNFINISHED));
  }

  /** Held while a model is fetched, by one window at a time: a second one would write into the same files. */
  async lock(name: string): Promise<Disposable> {
    await mkdir(this.pathOf(name), { recursive: true });
    const path = join(this.pathOf(name), LOCK);
    const owner = Number(await readFile(path, "utf8").catch(() => "0"));
    if (owner > 0 && owner !== process.pid && isRunning(owner)) throw locked(name);
    if (owner > 0) await rm(path, { force: true });
    await writeFile(path, String(process.pid), { flag: "wx" }).catch(() => {
      throw locked(name);
    });
    return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { recursive: true, force: true });
  }

  /** Bytes that may be written here. */
  async room(): Promise<number> {
    await mkdir(this.folder, { recursive: true });
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
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

  async #listingOf(name: string): Promise<Listing | undefined> {
    const text = await readFile(join(this.pathOf(name), UNFINISHED), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const listing: Listing = JSON.parse(text);
      return Array.isArray(listing.files) && listing.files.every(({ path }) => isFetched(path))
        ? listing
        : undefined;
    } catch {
      return undefined;
    }
  }
}

function locked(name: string): FetchError {
  return new FetchError("refused", `Another window is fetching ${name}: wait for it, or pause it there.`);
}

function isRunning(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch (cause) {
    // It is somebody else's.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
