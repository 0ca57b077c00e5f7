/** Finds the files of a folder that are worth reading. Lists only; contents are judged when they are read. */
import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { type Log, reasonOf } from "../log.ts";
import { type FilePolicy, IGNORED, type LeftOut, NO_FILE } from "./filePolicy.ts";
import { gitFiles, gitIgnoredFiles, isRepository } from "./git.ts";
import { groundOf } from "./ignoredFiles.ts";
import { IgnoreRules } from "./ignoreRules.ts";
import { readShare } from "./readShare.ts";

/** A folder with more is a data dump or a home folder; the rest is left out. */
const MOST_FILES = 50_000;
const DEEPEST_FOLDER = 40;

export interface SourceFile {
  readonly path: string;
  /** To the folder, with forward slashes. */
  readonly relativePath: string;
  /** Of what is read. */
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface CrawlOptions {
  readonly log: Log;
  readonly signal?: AbortSignal;
  /** Told of what is left out; the path of a folder ends in "/". */
  readonly onLeftOut?: (relativePath: string, reason: string) => void;
}

/** Each directory is awaited, so that the event loop never waits for more than one. */
export async function crawl(
  policy: FilePolicy,
  folder: number,
  options: CrawlOptions,
): Promise<SourceFile[]> {
  const root = policy.folders[folder]?.path;
  if (root === undefined) return [];
  const walk = new Walk(policy, folder, root, options);
  const ground = await groundOf(root);
  const rules = await IgnoreRules.forRoot(ground.top);
  const fromTop = ground.top === root ? "" : `${relative(ground.top, root).split(sep).join("/")}/`;
  const layers = { rules: await rules.enteringAll(fromTop), pathOf: (path: string) => fromTop + path };
  await (ground.isGits ? walk.askGit("", layers, 0) : walk.walkFolder("", layers, 0));
  if (walk.files.length >= MOST_FILES) {
    options.log.warn(`${root} has more than ${MOST_FILES} files; only the first ones are read.`);
  }
  return walk.files;
}

/** What counts where Git does not answer. */
interface Layers {
  readonly rules: IgnoreRules;
  /** From a path in the walk's root to one in that of the rules. */
  readonly pathOf: (relativePath: string) => string;
}

class Walk {
  readonly files: SourceFile[] = [];
  readonly #policy: FilePolicy;
  readonly #folder: number;
  readonly #root: string;
  readonly #options: CrawlOptions;
  /** Folders, and whether a path through them leads through no link. */
  readonly #areReal = new Map<string, Promise<boolean>>();

  constructor(policy: FilePolicy, folder: number, root: string, options: CrawlOptions) {
    this.#policy = policy;
    this.#folder = folder;
    this.#root = root;
    this.#options = options;
  }

  /** `folder` is "" or ends in "/". */
  async askGit(folder: string, layers: Layers, depth: number): Promise<void> {
    const { signal, onLeftOut } = this.#options;
    const listed = await gitFiles(join(this.#root, folder), signal);
    if (!listed) return await this.walkFolder(folder, layers, depth);
    const ignored = onLeftOut ? await gitIgnoredFiles(join(this.#root, folder), signal) : [];
    for (const path of ignored ?? []) this.#leaveOut(folder + path, IGNORED);
    for (const path of new Set(listed)) {
      if (this.#isDone) return;
      if (path.split("/").includes("..")) continue;
      const relativePath = folder + path;
      if (path.endsWith("/")) await this.#enterNested(relativePath, layers, depth);
      else if (await this.#isReal(relativePath)) await this.#consider(relativePath, layers, depth);
    }
  }

  async walkFolder(folder: string, layers: Layers, depth: number): Promise<void> {
    for (const entry of await this.#readFolder(folder)) {
      if (this.#isDone) return;
      const relativePath = folder + entry.name;
      if (!entry.isDirectory()) {
        if (layers.rules.ignores(layers.pathOf(relativePath))) this.#leaveOut(relativePath, IGNORED);
        else await this.#consider(relativePath, layers, depth);
      } else if (entry.name === ".git" || depth >= DEEPEST_FOLDER) {
      } else if (layers.rules.ignores(layers.pathOf(`${relativePath}/`))) {
        this.#leaveOut(`${relativePath}/`, IGNORED);
      } else {
        await this.#enterNested(`${relativePath}/`, layers, depth);
      }
    }
  }

  /** A folder in one that was walked, or a repository in one that Git listed. */
  async #enterNested(folder: string, layers: Layers, depth: number): Promise<void> {
    const reason = this.#policy.byName(this.#folder, folder);
    if (reason) return this.#leaveOut(folder, reason);
    if (depth >= DEEPEST_FOLDER || this.#policy.isOfInner(this.#folder, join(this.#root, folder, "x")))
      return;
    if (await isRepository(join(this.#root, folder))) {
      const rules = await IgnoreRules.forRoot(join(this.#root, folder));
      return await this.askGit(folder, { rules, pathOf: (path) => path.slice(folder.length) }, depth + 1);
    }
    const rules = await layers.rules.entering(layers.pathOf(folder));
    await this.walkFolder(folder, { ...layers, rules }, depth + 1);
  }

  async #consider(relativePath: string, layers: Layers, depth: number): Promise<void> {
    const path = join(this.#root, relativePath);
    if (this.#policy.isOfInner(this.#folder, path)) return;
    const reason = this.#policy.byName(this.#folder, relativePath);
    if (reason) return this.#leaveOut(relativePath, reason);
    const entry = await lstat(path).catch(() => undefined);
    // Tracked, and deleted since.
    if (!entry) return;
    // A submodule is one path for Git.
    if (entry.isDirectory()) return await this.#enterNested(`${relativePath}/`, layers, depth);
    // Inside the folder the target of a link is reached anyway, outside it is not ours to read.
    if (!entry.isFile()) return this.#leaveOut(relativePath, NO_FILE);
    this.#take(relativePath, entry.size, entry.mtimeMs);
  }

  #take(relativePath: string, size: number, modifiedMs: number): void {
    if (size === 0) return;
    const share = readShare(relativePath, size);
    const path = join(this.#root, relativePath);
    if (share.kind === "read") {
      this.files.push({ path, relativePath, sizeBytes: share.bytes, modifiedMs });
      return;
    }
    this.#options.log.info(`${path} is skipped: it ${share.reason}.`);
    this.#leaveOut(relativePath, share);
  }

  #leaveOut(relativePath: string, { reason }: Pick<LeftOut, "reason">): void {
    this.#options.onLeftOut?.(relativePath, reason);
  }

  get #isDone(): boolean {
    return this.#options.signal?.aborted === true || this.files.length >= MOST_FILES;
  }

  /** Git lists what was tracked in a folder even if a link has taken its place. */
  #isReal(relativePath: string): Promise<boolean> {
    const end = relativePath.lastIndexOf("/");
    if (end < 0) return Promise.resolve(true);
    const folder = relativePath.slice(0, end);
    const known = this.#areReal.get(folder) ?? this.#isRealFolder(folder);
    this.#areReal.set(folder, known);
    return known;
  }

  async #isRealFolder(folder: string): Promise<boolean> {
    if (!(await this.#isReal(folder))) return false;
    const entry = await lstat(join(this.#root, folder)).catch(() => undefined);
    return entry?.isDirectory() === true;
  }

  async #readFolder(folder: string): Promise<Dirent[]> {
    try {
      const entries = await readdir(join(this.#root, folder), { withFileTypes: true });
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (cause) {
      this.#options.log.warn(`The folder ${join(this.#root, folder)} is skipped: ${reasonOf(cause)}`);
      return [];
    }
  }
}
