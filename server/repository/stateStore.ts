/**
 * Repository states on disk, so that a restart does not read everything again. An entry is a description that names a state
 * and a list of files, both by what is in them: what did not change is not written again, and servers on the same folders
 * share it. Each server has a description of its own, the newest counts. A damaged entry counts as absent.
 */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Log, reasonOf } from "../log.ts";
import { isDead, isSettled, StateFolder, type StoredFile, WRITER } from "./stateFolder.ts";

const VERSION = 2;
/** What is kept of all repositories; the longest unused go first. */
export interface StoreBounds {
  readonly entries: number;
  readonly bytes: number;
}
const BOUNDS: StoreBounds = { entries: 12, bytes: 4 * 2 ** 30 };
/**
 * Another server may replace an entry while it is being read: then there is a newer one. A listing of the folder may lack a
 * file that is being replaced.
 */
const MOST_LOOKS = 8;
const MOST_DESCRIPTION_BYTES = 4096;
/** Some 50,000 files with long paths. */
const MOST_LIST_BYTES = 64 * 2 ** 20;

const OWN_NAME =
  /^([0-9a-f]{32,64})(?:-[0-9a-f]{16,64}\.(?:state|files)|(?:\.([0-9a-f-]+))?\.json)(?:\.([0-9a-f-]+)\.tmp)?$/;

export interface ReadFileRecord {
  /** Index of the workspace folder. */
  readonly folder: number;
  readonly path: string;
  readonly hash: string;
  readonly tokens: number;
}

export interface StoredReading {
  /** Of all tokens read, in order. */
  readonly streamHash: string;
  readonly tokensRead: number;
  readonly stateHeads: number;
  readonly attentionWindow: number;
  readonly files: readonly ReadFileRecord[];
}

/** What a description says: the reading, with the list of its files by name. */
type Description = Omit<StoredReading, "files"> & { readonly listHash: string };

/** An entry's files in the folder. */
interface Entry {
  readonly key: string;
  readonly files: StoredFile[];
  usedMs: number;
}

export class StateStore {
  readonly #folder: StateFolder;
  readonly #log: Log;
  readonly #bounds: StoreBounds;

  constructor(directory: string, log: Log, bounds = BOUNDS) {
    this.#folder = new StateFolder(directory);
    this.#log = log;
    this.#bounds = bounds;
  }

  /** The newest that is whole; it counts as used now. */
  async load(key: string): Promise<{ reading: StoredReading; bytes: Uint8Array } | undefined> {
    let problem: unknown;
    for (let look = 0; look < MOST_LOOKS; look++) {
      const files = (await this.#folder.list().catch(() => [])).filter(
        ({ name }) => partsOf(name)?.key === key,
      );
      if (files.length === 0) break;
      const descriptions = files.filter(({ name }) => name.endsWith(".json"));
      for (const { name } of descriptions.sort((a, b) => b.modifiedMs - a.modifiedMs)) {
        try {
          const loaded = await this.#read(key, name);
          await this.#folder.touch(name);
          return loaded;
        } catch (cause) {
          problem ??= cause;
        }
      }
    }
    if (problem) this.#log.warn(`The saved repository state is not used: ${reasonOf(problem)}.`);
    return undefined;
  }

  async #read(key: string, name: string): Promise<{ reading: StoredReading; bytes: Uint8Array }> {
    const description = parseDescription(await this.#text(name, MOST_DESCRIPTION_BYTES));
    if (!description) throw new Error("its description is damaged");
    const { listHash, ...reading } = description;
    const files = parseFiles(await this.#text(listName(key, listHash), MOST_LIST_BYTES));
    if (!files) throw new Error("its list of files is damaged");
    const bytes = await this.#folder.read(stateName(key, reading.streamHash), this.#bounds.bytes);
    return { reading: { ...reading, files }, bytes };
  }

  /** The description is replaced last and at once: a crash leaves the old entry or the new one. */
  async save(key: string, reading: StoredReading, bytes: Uint8Array): Promise<void> {
    const { files, ...rest } = reading;
    const list = JSON.stringify(files);
    const listHash = createHash("sha256").update(list).digest("hex");
    const parts: readonly [string, string | Uint8Array][] = [
      [stateName(key, reading.streamHash), bytes],
      [listName(key, listHash), list],
    ];
    const description = `${key}.${WRITER}.json`;
    try {
      if (bytes.length + list.length > this.#bounds.bytes / 2)
        throw new Error(`it has ${bytes.length} bytes`);
      await this.#folder.prepare();
      for (const [name, content] of parts)
        if (!(await this.#folder.touch(name))) await this.#folder.write(name, content);
      const before = await this.#text(description, MOST_DESCRIPTION_BYTES).catch(() => "");
      await this.#folder.write(description, JSON.stringify({ version: VERSION, ...rest, listHash }));
      // Another server may have taken one away before it was named.
      for (const [name, content] of parts)
        if (!(await this.#folder.look(name))) await this.#folder.write(name, content);
      await this.#tidy(key, namedBy(key, before));
    } catch (cause) {
      this.#log.warn(`The repository state cannot be saved in ${this.#folder.path}: ${reasonOf(cause)}`);
    }
  }

  /** The entries of some keys, whoever wrote them. */
  async remove(isGone: (key: string) => boolean): Promise<void> {
    const files = await this.#folder.list().catch(() => []);
    const names = files.flatMap(({ name }) => {
      const parts = partsOf(name);
      return parts && isGone(parts.key) ? [name] : [];
    });
    try {
      await this.#folder.remove(names);
    } catch (cause) {
      this.#log.warn(`What is saved in ${this.#folder.path} cannot be removed: ${reasonOf(cause)}`);
    }
  }

  /** Takes away what nobody can want: what the writer itself named before, and what dead writers left. */
  async #tidy(key: string, namedBefore: readonly string[]): Promise<void> {
    const nowMs = Date.now();
    const files = (await this.#folder.list()).filter(({ name }) => partsOf(name));
    const newest = newestDescriptions(files);
    const useless = files.filter((file) => {
      const { writer, temporaryOf } = partsOf(file.name) ?? {};
      if (temporaryOf) return isDead(temporaryOf) || isSettled(file, nowMs);
      // Of an older version.
      if (writer === undefined) return file.name.endsWith(".json") && isSettled(file, nowMs);
      return isDead(writer) && !newest.has(file.name);
    });
    const left = files.filter((file) => !useless.includes(file));
    const named = new Set(await this.#namedBy(left));
    const namedOnce = new Set([...namedBefore, ...(await this.#namedBy(useless))]);
    const unnamed = left.filter(
      (file) =>
        !file.name.endsWith(".json") &&
        !file.name.endsWith(".tmp") &&
        !named.has(file.name) &&
        (namedOnce.has(file.name) || isSettled(file, nowMs)),
    );
    const stays = left.filter((file) => !unnamed.includes(file));
    await this.#folder.remove(
      [...useless, ...unnamed, ...beyondBounds(stays, key, this.#bounds)].map(({ name }) => name),
    );
  }

  async #namedBy(files: readonly StoredFile[]): Promise<string[]> {
    const names = files.map(({ name }) => name).filter((name) => name.endsWith(".json"));
    const parts = names.map(async (name) =>
      namedBy(partsOf(name)?.key ?? "", await this.#text(name, MOST_DESCRIPTION_BYTES).catch(() => "")),
    );
    return (await Promise.all(parts)).flat();
  }

  async #text(name: string, mostBytes: number): Promise<string> {
    return (await this.#folder.read(name, mostBytes)).toString("utf8");
  }
}

function stateName(key: string, streamHash: string): string {
  return `${key}-${streamHash.slice(0, 32)}.state`;
}

function listName(key: string, listHash: string): string {
  return `${key}-${listHash.slice(0, 32)}.files`;
}

/** undefined: not a file of the store. */
function partsOf(name: string): { key: string; writer?: string; temporaryOf?: string } | undefined {
  const [, key, writer, temporaryOf] = OWN_NAME.exec(name) ?? [];
  if (key === undefined) return undefined;
  return { key, ...(writer && { writer }), ...(temporaryOf && { temporaryOf }) };
}

function namedBy(key: string, text: string): string[] {
  try {
    const description = parseDescription(text);
    if (!description) return [];
    return [stateName(key, description.streamHash), listName(key, description.listHash)];
  } catch {
    // Damaged, or not there: it names nothing.
    return [];
  }
}

function newestDescriptions(files: readonly StoredFile[]): ReadonlySet<string> {
  const newest = new Map<string, StoredFile>();
  for (const file of files) {
    const key = partsOf(file.name)?.key ?? "";
    if (!file.name.endsWith(".json")) continue;
    if (file.modifiedMs >= (newest.get(key)?.modifiedMs ?? 0)) newest.set(key, file);
  }
  return new Set([...newest.values()].map(({ name }) => name));
}

/** Files of the entries that were not used for the longest; never of the one that was just saved. */
function beyondBounds(files: readonly StoredFile[], saved: string, bounds: StoreBounds): StoredFile[] {
  const entries = new Map<string, Entry>();
  for (const file of files) {
    const key = partsOf(file.name)?.key ?? "";
    const entry = entries.get(key) ?? { key, files: [], usedMs: 0 };
    entries.set(key, entry);
    entry.files.push(file);
    entry.usedMs = key === saved ? Number.POSITIVE_INFINITY : Math.max(entry.usedMs, file.modifiedMs);
  }
  let bytes = 0;
  let count = 0;
  const gone: StoredFile[] = [];
  for (const entry of [...entries.values()].sort((a, b) => (a.usedMs < b.usedMs ? 1 : -1))) {
    bytes += entry.files.reduce((sum, file) => sum + file.bytes, 0);
    count++;
    if (entry.key !== saved && (count > bounds.entries || bytes > bounds.bytes)) gone.push(...entry.files);
  }
  return gone;
}

/** undefined: it is damaged, or of another version. Throws SyntaxError for what is no JSON. */
export function parseDescription(text: string): Description | undefined {
  const raw = JSON.parse(text) as Partial<Description & { version: number }> | null;
  if (raw?.version !== VERSION || !isHash(raw.streamHash) || !isHash(raw.listHash)) return undefined;
  const { streamHash, listHash, tokensRead, stateHeads, attentionWindow } = raw;
  if (!isNatural(tokensRead) || !isNatural(stateHeads) || !isNatural(attentionWindow)) return undefined;
  return { streamHash, listHash, tokensRead, stateHeads, attentionWindow };
}

/** undefined: it is damaged. Throws SyntaxError for what is no JSON. */
export function parseFiles(text: string): readonly ReadFileRecord[] | undefined {
  const raw = JSON.parse(text) as unknown;
  if (!Array.isArray(raw)) return undefined;
  const wellFormed = raw.every(
    (file: Partial<ReadFileRecord> | null) =>
      isNatural(file?.folder) &&
      isNatural(file?.tokens) &&
      typeof file?.path === "string" &&
      typeof file.hash === "string",
  );
  return wellFormed ? (raw as ReadFileRecord[]) : undefined;
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isNatural(value: unknown): value is number {
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
