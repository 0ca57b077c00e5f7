/** What the repository is to a completion: the state, the exact recall and the live texts, kept up to date and saved. */
import type { Model, Recall, State } from "../engine/engine.ts";
import { Cancelled, throwIfCancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { type Log, reasonOf } from "../log.ts";
import { ChangeQueue, SYSTEM_CLOCK } from "./changeQueue.ts";
import type { KnownFiles } from "./comparison.ts";
import type { LiveTexts } from "./liveTexts.ts";
import type { Passages } from "./passages.ts";
import { Persistence } from "./persistence.ts";
import { type ReadProgress, RepositoryReader } from "./reader.ts";
import type { ReadSettings } from "./reading.ts";
import { readText } from "./readText.ts";
import type { StateStore } from "./stateStore.ts";
import type { Focus } from "./stateTail.ts";

export type MemorySettings = ReadSettings;

export interface MemoryProgress extends ReadProgress {
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
  /** The model has read a batch into the state. */
  readonly onSpeed: (tokensPerSecond: number) => void;
  /** Pause after a file changed until it is read again, since saves come in bursts. */
  readonly settleMs: number;
  /** No change waits longer, and no file is read more often. */
  readonly mostWaitMs: number;
  /** Pause after the state changed until it is saved. */
  readonly saveMs: number;
}

export class RepositoryMemory {
  readonly #context: MemoryContext;
  #settings: MemorySettings;
  readonly #queue: ChangeQueue;
  readonly #reader: RepositoryReader;
  readonly #persistence: Persistence;
  #progress: MemoryProgress = { reading: false, tokensRead: 0, tokensTotal: 0, tokensPerSecond: 0 };
  #abort = new AbortController();
  /** Readings and appendings one after the other. */
  #work: Promise<void> = Promise.resolve();
  /** Reading the state for the document that a person went to. */
  #turning = new AbortController();
  /** The state is to be read anew, and waits for its turn. */
  #isRenewalDue = false;
  #disposed = false;

  constructor(context: MemoryContext, settings: MemorySettings) {
    this.#context = context;
    this.#settings = settings;
    const { model, tokenizer, store, log, onSpeed, saveMs, settleMs: pauseMs, mostWaitMs } = context;
    const snapshot = () => this.#reader.snapshot();
    this.#persistence = new Persistence({ model, tokenizer, store, log, saveMs, snapshot });
    const onProgress = (progress: ReadProgress) => this.#report(progress);
    const onRead = () => this.#persistence.saveLater();
    this.#reader = new RepositoryReader({ model, tokenizer, log, onProgress, onRead, onSpeed }, settings);
    this.#queue = new ChangeQueue({
      clock: SYSTEM_CLOCK,
      pauseMs,
      mostWaitMs,
      mayMatter: (path) => this.#settings.policy.mayMatter(path),
      onBatch: (paths) => this.#follow(paths),
    });
  }

  /** Valid until the next turn of the event loop; whoever needs it longer begins a job with it. */
  get state(): State {
    return this.#reader.state;
  }

  get recall(): Recall {
    return this.#reader.recall;
  }

  /** Of files, but for open ones. */
  get passages(): Passages {
    return this.#reader.passages;
  }

  /** Of open documents: they stand for their files. */
  get live(): LiveTexts {
    return this.#reader.live;
  }

  get generation(): number {
    return this.#reader.generation;
  }

  get progress(): MemoryProgress {
    return this.#progress;
  }

  /** Files that the index has as they are, by path. */
  get files(): KnownFiles {
    return this.#reader.known;
  }

  /** Whether the state goes on from one that was saved, which has read what was on disk then. */
  get wasRestored(): boolean {
    return this.#reader.wasRestored;
  }

  /** Reads everything, or restores it; the present state answers until then. A reading under way is given up. */
  read(settings: MemorySettings, options: { readonly fromDisk: boolean }): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#settings = settings;
    this.#isRenewalDue = false;
    this.#queue.clear();
    this.#reader.use(settings);
    this.#report({ reading: true, tokensRead: 0, tokensTotal: 0, tokensPerSecond: 0 });
    return this.#enqueue(async () => {
      throwIfCancelled(signal);
      await this.#persistence.keepOnly(settings);
      await this.#reader.forgetForbidden();
      const saved = options.fromDisk ? await this.#persistence.load(settings) : undefined;
      const restored = saved ? await this.#reader.restore(saved, signal) : "refused";
      if (restored === "refused") await this.#reader.readWhole(signal);
      else if (restored === "outdated") this.#renew(signal);
    });
  }

  /** A file or a folder was created, saved, moved or deleted; the state continues with the new texts a little later. */
  noteChange(path: string): void {
    if (!this.#disposed) this.#queue.note(path);
  }

  /** A document was closed: its file speaks for itself again. */
  noteClosed(uri: string): void {
    const path = this.live.delete(uri);
    if (path === undefined || this.#disposed) return;
    const { signal } = this.#abort;
    void this.#enqueue(async () => {
      // From disk, even if the document was opened again by now.
      if (this.files.has(path)) await this.#reader.follow([path], signal, readText);
      this.#context.log.debug(`Closed: ${path} is recalled from disk.`);
    });
  }

  /**
   * A person rests in this document: the state is read for it in the background, after what waits before it. Whether there is
   * another state by then; `giveWay` ends it.
   */
  async turnTo(focus: Focus): Promise<boolean> {
    this.giveWay();
    this.#reader.focusOn(focus);
    this.#turning = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, this.#turning.signal]);
    let isTurned = false;
    await this.#enqueue(async () => {
      throwIfCancelled(signal);
      isTurned = await this.#reader.turnTo(focus, signal);
    });
    return isTurned;
  }

  /** Somebody waits for a completion: the state stays as it is until the person rests again. */
  giveWay(): void {
    this.#turning.abort();
  }

  /** Resolves when nothing is being read, appended or saved. */
  async settled(): Promise<void> {
    this.#queue.flush();
    // What is done may find more to do.
    for (let work: Promise<void> | undefined; work !== this.#work; ) {
      work = this.#work;
      await work;
    }
    await this.live.settled();
    await this.flush();
  }

  /** Saves at once what would be saved a little later. */
  async flush(): Promise<void> {
    await this.#persistence.flush();
  }

  dispose(): void {
    this.#disposed = true;
    this.#abort.abort();
    this.giveWay();
    this.#queue.clear();
    this.#persistence.dispose();
    this.#reader.dispose();
  }

  #follow(paths: readonly string[]): void {
    const { signal } = this.#abort;
    void this.#enqueue(async () => {
      if (await this.#reader.follow(paths, signal)) this.#renew(signal);
    });
  }

  /** The state before serves meanwhile. */
  #renew(signal: AbortSignal): void {
    if (this.#isRenewalDue) return;
    this.#isRenewalDue = true;
    this.#context.log.info("The state is read anew in the background.");
    void this.#enqueue(async () => {
      throwIfCancelled(signal);
      this.#isRenewalDue = false;
      await this.#reader.renew(signal);
    });
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    const { signal } = this.#abort;
    this.#work = this.#work
      .then(job)
      .then(() => {
        if (!signal.aborted) this.#report({ ...this.#progress, ...this.#reader.progress, reading: false });
      })
      .catch((cause: unknown) => this.#stopped(cause));
    return this.#work;
  }

  #stopped(cause: unknown): void {
    if (cause instanceof Cancelled || this.#disposed) return;
    const problem = `Reading the repository stopped: ${reasonOf(cause)}`;
    this.#report({ ...this.#progress, reading: false, problem });
    this.#context.log.warn(problem);
  }

  #report(progress: MemoryProgress): void {
    if (this.#disposed) return;
    this.#progress = progress;
    this.#context.onProgress();
  }
}
