/** Repository states on disk, so that a restart does not read everything again. A damaged entry counts as absent. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Log, reasonOf } from "../log.ts";

const VERSION = 1;
/** Repositories whose states are kept; the longest unused go first. */
const MOST_ENTRIES = 12;

export interface ReadFileRecord {
  /** Index of the workspace folder. */
  readonly folder: number;
  readonly path: string;
  readonly hash: string;
}

/** Each in hexadecimal digits, of which the first count. */
export interface StateKey {
  readonly folders: string;
  /** What may be read of them. */
  readonly policy: string;
  /** With which model, and how. */
  readonly reading: string;
}

export interface StoredReading {
  /** Of all tokens read, in order. */
  readonly streamHash: string;
  readonly tokensRead: number;
  readonly files: readonly ReadFileRecord[];
}

export class StateStore {
  readonly #directory: string;
  readonly #log: Log;

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  async load(stateKey: StateKey): Promise<{ reading: StoredReading; bytes: Uint8Array } | undefined> {
    const key = nameOf(stateKey);
    try {
      const reading = parseReading(await readFile(this.#manifestPath(key), "utf8"));
      if (!reading) throw new Error("its description is damaged");
      return { reading, bytes: await readFile(this.#statePath(key, reading.streamHash)) };
    } catch (cause) {
      const absent = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
      if (!absent) this.#log.warn(`The saved repository state is not used: ${reasonOf(cause)}.`);
      return undefined;
    }
  }

  /** The description is replaced last and at once: a crash leaves the old entry or the new one. */
  async save(stateKey: StateKey, reading: StoredReading, bytes: Uint8Array): Promise<void> {
    const key = nameOf(stateKey);
    try {
      await mkdir(this.#directory, { recursive: true });
      await replaceFile(this.#statePath(key, reading.streamHash), bytes);
      await replaceFile(this.#manifestPath(key), JSON.stringify({ version: VERSION, ...reading }));
      await this.#removeStale(key, reading.streamHash);
      await this.keepOnly(stateKey);
    } catch (cause) {
      this.#log.warn(`The repository state cannot be saved in ${this.#directory}: ${reasonOf(cause)}`);
    }
  }

  /** Of these folders, removes what was saved under another policy: it may hold what this one forbids. */
  async keepOnly({ folders, policy }: StateKey): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    const [ofFolders, ofPolicy] = [partOf(folders), partOf(folders) + partOf(policy)];
    const forbidden = names.filter(
      (name) => (name.startsWith(ofFolders) && !name.startsWith(ofPolicy)) || WITHOUT_POLICY.test(name),
    );
    await Promise.all(forbidden.map((name) => rm(join(this.#directory, name), { force: true })));
  }

  #manifestPath(key: string): string {
    return join(this.#directory, `${key}.json`);
  }

  #statePath(key: string, streamHash: string): string {
    return join(this.#directory, `${key}-${streamHash.slice(0, 16)}.state`);
  }

  async #removeStale(key: string, streamHash: string): Promise<void> {
    const names = await readdir(this.#directory);
    const current = `${key}-${streamHash.slice(0, 16)}.state`;
    const stale = names.filter((name) => name.startsWith(`${key}-`) && name !== current);
    const manifests = await Promise.all(
      names
        .filter((name) => name.endsWith(".json"))
        .map(async (name) => ({ name, usedMs: (await stat(join(this.#directory, name))).mtimeMs })),
    );
    const oldKeys = manifests
      .sort((a, b) => b.usedMs - a.usedMs)
      .slice(MOST_ENTRIES)
      .map(({ name }) => name.slice(0, -".json".length));
    stale.push(...names.filter((name) => oldKeys.some((old) => name.startsWith(old))));
    await Promise.all(stale.map((name) => rm(join(this.#directory, name), { force: true })));
  }
}

/** Saved when names did not tell under which policy. */
const WITHOUT_POLICY = /^[0-9a-f]{32}(\.json|-[0-9a-f]{16}\.state)/;

function partOf(hash: string): string {
  return hash.slice(0, 16);
}

function nameOf({ folders, policy, reading }: StateKey): string {
  return partOf(folders) + partOf(policy) + partOf(reading);
}

async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

/** undefined: it is damaged, or of another version. Throws SyntaxError for what is no JSON. */
export function parseReading(text: string): StoredReading | undefined {
  const raw = JSON.parse(text) as Partial<StoredReading & { version: number }> | null;
  if (
    raw?.version !== VERSION ||
    typeof raw.streamHash !== "string" ||
    !/^[0-9a-f]{64}$/.test(raw.streamHash)
  ) {
    return undefined;
  }
  if (!isNatural(raw.tokensRead) || !Array.isArray(raw.files)) return undefined;
  const wellFormed = raw.files.every(
    (file: Partial<ReadFileRecord> | null) =>
      isNatural(file?.folder) && typeof file?.path === "string" && typeof file.hash === "string",
  );
  return wellFormed ? (raw as StoredReading) : undefined;
}

function isNatural(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** For clients that name no storage of their own. */
export function defaultCacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "win32")
    return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "stateline");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "stateline");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "stateline");
}
