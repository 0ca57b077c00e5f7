/** The repository's state: read once in the background, kept up to date by appending what changes, restored after a restart. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { Model, Recall, State } from "../engine/engine.ts";
import { Cancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { type Log, reasonOf } from "../log.ts";
import { compare, type KnownFiles } from "./comparison.ts";
import type { FilePolicy } from "./filePolicy.ts";
import { LiveTexts } from "./liveTexts.ts";
import { readInto } from "./reading.ts";
import { readText } from "./readText.ts";
import { RECALL_TOKENS, RecallOfFiles } from "./recallOfFiles.ts";
import {
  BYTES_PER_TOKEN,
  findWorkspaceFile,
  listFiles,
  type Reader,
  tokenise,
  tokenStream,
} from "./sources.ts";
import type { StateKey, StateStore } from "./stateStore.ts";
import { TokenEstimate } from "./tokenEstimate.ts";

const BUDGET_TOKENS = 1_000_000;
/** While the first reading goes on, completions start from what is read so far, renewed at this step. */
const PUBLISH_EVERY_TOKENS = 16_384;
/** A saved state goes on with its changed files appended, unless more than this share of the files changed. */
const MOST_CHANGED_SHARE = 0.25;
/** This many may always be appended. */
const FEW_FILES = 20;

export interface MemorySettings {
  readonly policy: FilePolicy;
  readonly stateHeads: number;
  readonly attentionWindow: number;
}

export interface MemoryProgress {
  readonly reading: boolean;
  readonly tokensRead: number;
  readonly tokensTotal: number;
  readonly tokensPerSecond: number;
  /** One sentence: why the latest reading did not come to its end. */
  readonly problem?: string;
}

export interface MemoryContext {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** undefined: nothing is kept on disk. */
  readonly store: StateStore | undefined;
  readonly log: Log;
  readonly onProgress: () => void;
  /** Pause after a file changed until it is read again, since saves come in bursts. */
  readonly settleMs: number;
  /** Pause after the state changed until it is saved. */
  readonly saveMs: number;
}

export class RepositoryMemory {
  readonly #context: MemoryContext;
  #settings: MemorySettings;
  /** What completions start from. */
  #state: State;
  #recall: RecallOfFiles;
  /** Of open documents: they stand for their files. */
  readonly live: LiveTexts;
  readonly #reader: Required<Reader>;
  #wasRestored = false;
  /** Those that the state was read with: the present ones may forbid what is in it. */
  #stateSettings: MemorySettings;
  /** Counts states that do not continue the one before: another reading, other settings. */
  #generation = 0;
  #progress: MemoryProgress = { reading: false, tokensRead: 0, tokensTotal: 0, tokensPerSecond: 0 };
  #streamHash = "";
  /** Content hash of each file in the state, by path. */
  #known: KnownFiles = new Map();
  #changed = new Set<string>();
  #settleTimer: NodeJS.Timeout | undefined;
  #saveTimer: NodeJS.Timeout | undefined;
  #abort = new AbortController();
  /** Readings and appendings one after the other. */
  #work: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(context: MemoryContext, settings: MemorySettings) {
    this.#context = context;
    this.#settings = settings;
    this.#stateSettings = settings;
    this.#state = context.model.initialState(settings.stateHeads, settings.attentionWindow);
    this.#recall = this.#emptyRecall();
    const { tokenizer, log } = context;
    this.live = new LiveTexts({ tokenizer, log, policy: () => this.#settings.policy }, this.#recall);
    this.#reader = { tokenizer, log, textAt: async (path) => this.live.read(path) ?? (await readText(path)) };
  }

  /** Valid until the next turn of the event loop; whoever needs it longer begins a job with it. */
  get state(): State {
    return this.#state;
  }

  get recall(): Recall {
    return this.#recall.recall;
  }

  get generation(): number {
    return this.#generation;
  }

  get progress(): MemoryProgress {
    return this.#progress;
  }

  /** Whether the state has the text of the file at a path as it was read last. */
  hasRead(path: string): boolean {
    return this.#known.has(path);
  }

  /** Whether the state goes on from one that was saved, which has read what was on disk then. */
  get wasRestored(): boolean {
    return this.#wasRestored;
  }

  /** Reads everything, or restores it; the present state answers until then. A reading under way is given up. */
  read(settings: MemorySettings, options: { readonly fromDisk: boolean }): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#settings = settings;
    this.#changed.clear();
    this.live.reconsider();
    this.#report({ reading: true, tokensRead: 0, tokensTotal: 0, tokensPerSecond: 0 });
    return this.#enqueue(async () => {
      await this.#context.store?.keepOnly(this.#storeKey());
      if (settings.policy !== this.#stateSettings.policy) await this.#forgetForbidden(this.#known.keys());
      const restored = options.fromDisk && (await this.#restore(signal));
      if (!restored) await this.#readAll(signal);
      this.#report({ ...this.#progress, reading: false });
    });
  }

  /** A file was created, saved or deleted; the state continues with its new text a little later. */
  noteChange(path: string): void {
    if (this.#disposed || !this.#settings.policy.mayMatter(path)) return;
    this.#changed.add(path);
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => void this.#appendChanged(), this.#context.settleMs);
  }

  /** A document was closed: its file speaks for itself again. */
  noteClosed(uri: string): void {
    const path = this.live.delete(uri);
    if (path === undefined || this.#disposed) return;
    const { signal } = this.#abort;
    void this.#enqueue(async () => {
      // From disk, even if the document was opened again by now.
      if (this.#known.has(path)) await this.#append(path, signal, readText);
      this.#context.log.debug(`Closed: ${path} is recalled from disk.`);
    });
  }

  /** Resolves when nothing is being read, appended or saved. */
  async settled(): Promise<void> {
    if (this.#settleTimer) {
      clearTimeout(this.#settleTimer);
      await this.#appendChanged();
    }
    await this.#work;
    await this.live.settled();
    await this.flush();
  }

  /** Saves at once what would be saved a little later. */
  async flush(): Promise<void> {
    if (this.#saveTimer) await this.#save();
  }

  dispose(): void {
    this.#disposed = true;
    this.#abort.abort();
    this.live.dispose();
    clearTimeout(this.#settleTimer);
    clearTimeout(this.#saveTimer);
    this.#state.dispose();
    this.#recall.dispose();
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(job).catch((cause: unknown) => {
      if (cause instanceof Cancelled || this.#disposed) return;
      const problem = `Reading the repository stopped: ${reasonOf(cause)}`;
      this.#report({ ...this.#progress, reading: false, problem });
      this.#context.log.warn(problem);
    });
    return this.#work;
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const { model, log } = this.#context;
    const settings = this.#settings;
    const { policy, stateHeads, attentionWindow } = settings;
    const files = await listFiles(policy, BUDGET_TOKENS * BYTES_PER_TOKEN, { log, signal });
    if (signal.aborted) throw new Cancelled();
    const known: KnownFiles = new Map();
    const estimate = new TokenEstimate(files, BUDGET_TOKENS);
    this.#report({ ...this.#progress, tokensTotal: estimate.total(0) });
    const startedMs = performance.now();
    // Until the first reading is done there is nothing better than its beginning.
    const publishes = this.#state.tokenCount === 0;
    let publishedTokens = 0;
    const start = model.initialState(stateHeads, attentionWindow);
    const recall = this.#emptyRecall();
    if (publishes) this.#replaceRecall(recall);
    const stream = tokenStream(this.#reader, policy.paths, files, ({ file, hash, tokens }) => {
      known.set(file.path, { file, hash });
      recall.take(file.path, tokens);
      estimate.count(file, tokens.length);
    });
    const read = await readInto(model, start, stream, BUDGET_TOKENS, {
      signal,
      streamHash: "",
      onBatch: ({ state, tokens }) => {
        const tokensPerSecond = (tokens * 1000) / (performance.now() - startedMs);
        this.#report({
          reading: true,
          tokensRead: tokens,
          tokensTotal: estimate.total(tokens),
          tokensPerSecond,
        });
        if (!publishes || tokens - publishedTokens < PUBLISH_EVERY_TOKENS) return false;
        publishedTokens = tokens;
        this.#publish(state, false);
        return true;
      },
    })
      .catch((cause: unknown) => {
        if (recall !== this.#recall) recall.dispose();
        throw cause;
      })
      .finally(() => start.dispose());
    if (read.state === start) this.#publish(model.initialState(stateHeads, attentionWindow), true);
    else if (read.state !== this.#state) this.#publish(read.state, true);
    this.#known = known;
    this.#stateSettings = settings;
    this.#wasRestored = false;
    this.#replaceRecall(recall);
    this.#streamHash = read.streamHash;
    const seconds = (performance.now() - startedMs) / 1000;
    this.#report({ ...this.#progress, tokensRead: read.tokens, tokensTotal: read.tokens });
    log.info(`Read ${known.size} files, ${read.tokens} tokens in ${seconds.toFixed(1)} s.`);
    this.#saveLater();
  }

  /** The saved state, with the files appended that changed since; false when there is none that fits. */
  async #restore(signal: AbortSignal): Promise<boolean> {
    const { store, model, log } = this.#context;
    const { policy } = this.#settings;
    const stored = policy.folders.length > 0 ? await store?.load(this.#storeKey()) : undefined;
    if (!stored) return false;
    const files = await listFiles(policy, BUDGET_TOKENS * BYTES_PER_TOKEN, { log, signal });
    const { known, changed, gone } = await compare(files, stored.reading.files, signal);
    const gonePaths = gone.map(({ folder, path }) => join(policy.paths[folder] ?? "", path));
    if (await this.#forgetForbidden(gonePaths)) return false;
    if (changed.length + gone.length > mostAppended(stored.reading.files.length)) return false;
    try {
      const state = await model.restore(stored.bytes);
      if (state.stateHeads !== this.#settings.stateHeads) throw new Error("it has another hybrid ratio");
      this.#publish(state, true);
    } catch (cause) {
      log.warn(`The saved repository state is not used: ${reasonOf(cause)}`);
      return false;
    }
    this.#known = known;
    this.#stateSettings = this.#settings;
    this.#wasRestored = true;
    this.#streamHash = stored.reading.streamHash;
    const { tokensRead } = stored.reading;
    this.#report({ reading: true, tokensRead, tokensTotal: tokensRead, tokensPerSecond: 0 });
    log.info(`Restored the repository state of ${tokensRead} tokens; ${changed.length} files changed since.`);
    await this.#recallUnchanged(new Set(changed), signal);
    for (const path of changed) await this.#append(path, signal);
    return true;
  }

  /** A saved state does not hold the texts themselves; those of changed files are taken when they are appended. */
  async #recallUnchanged(changed: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    this.#replaceRecall(this.#emptyRecall());
    for (const { file } of this.#known.values()) {
      if (signal.aborted) throw new Cancelled();
      if (changed.has(file.path)) continue;
      const source = await tokenise(this.#reader, file);
      if (source) this.#recall.take(file.path, source.tokens);
    }
  }

  #replaceRecall(recall: RecallOfFiles): void {
    if (recall === this.#recall) return;
    const before = this.#recall;
    this.#recall = recall;
    this.live.moveTo(recall);
    before.dispose();
  }

  #emptyRecall(): RecallOfFiles {
    return new RecallOfFiles(this.#context.model.createRecall(RECALL_TOKENS), (path) => this.live.has(path));
  }

  #appendChanged(): Promise<void> {
    this.#settleTimer = undefined;
    const { signal } = this.#abort;
    return this.#enqueue(async () => {
      const paths = [...this.#changed];
      this.#changed.clear();
      const hasNewRules = paths.some((path) => basename(path) === ".gitignore");
      if (hasNewRules) this.live.reconsider();
      const isForbidden = hasNewRules && (await this.#forgetForbidden(this.#known.keys()));
      // A state cannot forget. Or another branch was checked out, or the like: then the order of all files matters again.
      if (isForbidden || paths.length > Math.max(FEW_FILES, mostAppended(this.#known.size))) {
        await this.#readAll(signal);
        return this.#report({ ...this.#progress, reading: false });
      }
      for (const path of paths) await this.#append(path, signal);
    });
  }

  async #append(path: string, signal: AbortSignal, textAt = this.#reader.textAt): Promise<void> {
    const { model, log } = this.#context;
    const file = await findWorkspaceFile(this.#settings.policy, path);
    if (!file) {
      // A state cannot forget; the file just does not count as known any more.
      this.#known.delete(path);
      this.#recall.forget(path);
      return;
    }
    const source = await tokenise({ ...this.#reader, textAt }, file);
    if (!source) return;
    if (this.#known.get(path)?.hash === source.hash) {
      if (!this.#recall.has(path)) this.#recall.take(path, source.tokens);
      return;
    }
    const stream = (async function* () {
      yield source.tokens;
    })();
    const read = await readInto(model, this.#state, stream, BUDGET_TOKENS, {
      signal,
      streamHash: this.#streamHash,
      onBatch: () => false,
    });
    this.#known.set(path, { file, hash: source.hash });
    this.#recall.take(path, source.tokens);
    this.#streamHash = read.streamHash;
    this.#publish(read.state, false);
    const tokensRead = this.#progress.tokensRead + read.tokens;
    this.#report({
      ...this.#progress,
      tokensRead,
      tokensTotal: Math.max(tokensRead, this.#progress.tokensTotal),
    });
    log.info(`Read the new text of ${file.relativePath}: ${read.tokens} tokens.`);
    this.#saveLater();
  }

  /** What the policy leaves out by now is recalled no more; whether there is any, which only another reading takes from the state. */
  async #forgetForbidden(paths: Iterable<string>): Promise<boolean> {
    const { policy } = this.#settings;
    const verdicts = await Promise.all(
      Array.from(paths, async (path) => ({ path, verdict: await policy.judge(path) })),
    );
    const forbidden = verdicts.filter(
      ({ verdict }) =>
        verdict.kind === "outside" || (verdict.kind === "left out" && verdict.because !== "no file"),
    );
    for (const { path } of forbidden) {
      this.#known.delete(path);
      this.#recall.forget(path);
    }
    return forbidden.length > 0;
  }

  #publish(state: State, anew: boolean): void {
    const before = this.#state;
    this.#state = state;
    if (anew) this.#generation++;
    before.dispose();
  }

  #report(progress: MemoryProgress): void {
    if (this.#disposed) return;
    this.#progress = progress;
    this.#context.onProgress();
  }

  #saveLater(): void {
    if (this.#disposed || !this.#context.store || this.#settings.policy.folders.length === 0) return;
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#save(), this.#context.saveMs);
    this.#saveTimer.unref();
  }

  async #save(): Promise<void> {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    const { store, model, log } = this.#context;
    if (!store || this.#disposed || this.#state.tokenCount === 0) return;
    // It is being read anew, by rules that may forbid what is in this one.
    if (this.#stateSettings !== this.#settings) return;
    const files = [...this.#known.values()].map(({ file, hash }) => ({
      folder: file.folder,
      path: file.relativePath,
      hash,
    }));
    const reading = { streamHash: this.#streamHash, tokensRead: this.#progress.tokensRead, files };
    try {
      await store.save(this.#storeKey(), reading, await model.serialize(this.#state));
    } catch (cause) {
      log.warn(`The repository state cannot be saved: ${reasonOf(cause)}`);
    }
  }

  #storeKey(): StateKey {
    const { model, tokenizer } = this.#context;
    const { policy, stateHeads, attentionWindow } = this.#settings;
    return {
      folders: hashOf(policy.paths),
      policy: policy.key,
      reading: hashOf([model.info.hash, tokenizer.hash, stateHeads, attentionWindow]),
    };
  }
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** Beyond that many changed files, of so many, reading all of them in their order is better. */
function mostAppended(files: number): number {
  return Math.max(1, Math.min(FEW_FILES, files / 2), files * MOST_CHANGED_SHARE);
}
