/** Reads the repository into a state and follows what changes; the state before serves until a better one is there. */
import { basename, join } from "node:path";
import type { Model, Recall, State } from "../engine/engine.ts";
import { Cancelled, throwIfCancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import { type Changes, changedFiles } from "./changedFiles.ts";
import { compare, type KnownFile, recordsOf } from "./comparison.ts";
import type { Verdict } from "./filePolicy.ts";
import { LiveTexts } from "./liveTexts.ts";
import { BUDGET_TOKENS, FEW_TOKENS, isOutdated, tokensIn } from "./outdated.ts";
import type { Passages } from "./passages.ts";
import type { Snapshot } from "./persistence.ts";
import { type ReadProgress, readFiles, type Stream, type TextAt } from "./readFiles.ts";
import type { ReadSettings } from "./reading.ts";
import { ReadingPlan } from "./readingPlan.ts";
import { readText } from "./readText.ts";
import { RECALL_TOKENS, RecallOfFiles } from "./recallOfFiles.ts";
import { BYTES_PER_TOKEN, findWorkspaceFile, listFiles, tokenise, type WorkspaceFile } from "./sources.ts";
import type { StoredReading } from "./stateStore.ts";

export interface ReaderContext {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly log: Log;
  readonly onProgress: (progress: ReadProgress) => void;
  /** There is something new to save. */
  readonly onRead: () => void;
}

export class RepositoryReader {
  readonly #context: ReaderContext;
  /** Of open documents: they stand for their files. */
  readonly live: LiveTexts;
  /** Those of the next reading. */
  #settings: ReadSettings;
  /** What completions start from. */
  #stream: Stream;
  #recall: RecallOfFiles;
  /** What changed since the reading beside the state began. */
  #meanwhile: Set<string> | undefined;
  #generation = 0;
  #wasRestored = false;

  constructor(context: ReaderContext, settings: ReadSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#stream = this.#emptyStream(settings);
    this.#recall = this.#emptyRecall();
    const { tokenizer, log } = context;
    this.live = new LiveTexts({ tokenizer, log, policy: () => this.#settings.policy }, this.#recall);
  }

  get state(): State {
    return this.#stream.state;
  }

  get recall(): Recall {
    return this.#recall.recall;
  }

  get passages(): Passages {
    return this.#recall.passages;
  }

  /** Counts states that do not continue the one before: another reading, other settings. */
  get generation(): number {
    return this.#generation;
  }

  get wasRestored(): boolean {
    return this.#wasRestored;
  }

  /** Files that the state has as they are, by path. */
  get known(): ReadonlyMap<string, KnownFile> {
    return this.#stream.known;
  }

  /** undefined: nothing was read, or by now some of it may be forbidden. */
  snapshot(): Snapshot | undefined {
    const { settings, state, streamHash, known, holdsForbidden } = this.#stream;
    if (state.tokenCount === 0 || settings.policy.folders.length === 0) return undefined;
    if (holdsForbidden || settings.policy !== this.#settings.policy) return undefined;
    const { stateHeads, attentionWindow } = settings;
    const files = recordsOf(known);
    const reading = { streamHash, tokensRead: state.tokenCount, stateHeads, attentionWindow, files };
    return { settings, state, reading };
  }

  /** Open documents are judged by them at once; the state is read or restored next. */
  use(settings: ReadSettings): void {
    this.#settings = settings;
    this.live.reconsider();
  }

  /** What a policy that replaced the state's leaves out is recalled no more. */
  async forgetForbidden(): Promise<void> {
    const { settings, known } = this.#stream;
    if (settings.policy !== this.#settings.policy) await this.#forgetForbidden(known.keys());
  }

  /** All files. Where nothing was read before, completions start from the beginning of it. */
  async readWhole(signal: AbortSignal): Promise<void> {
    this.#replaceBy(await this.#readAll(signal));
  }

  /** All files, beside the state that serves and goes on following what changes; `adopt` replaces it by this one. */
  async readBeside(signal: AbortSignal): Promise<Beside> {
    this.#meanwhile = new Set();
    return await this.#readAll(signal);
  }

  /** What changed while it was read is read after it. True as of `follow`. */
  async adopt(beside: Beside, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) {
      dispose(beside.stream, beside.recall);
      throw new Cancelled();
    }
    this.#replaceBy(beside);
    const paths = [...(this.#meanwhile ?? [])];
    this.#meanwhile = undefined;
    return await this.follow(paths, signal);
  }

  /** Goes on from a saved state, which is the reader's from now on, unless it holds what may not be read by now. */
  async restore(saved: { reading: StoredReading; state: State }, signal: AbortSignal): Promise<Restored> {
    const { streamHash, tokensRead, files } = saved.reading;
    const stream = { ...this.#newStream(this.#settings, saved.state), streamHash };
    try {
      const { known, changed, gone } = await compare(await this.#list(signal), files, signal);
      const { paths } = stream.settings.policy;
      const gonePaths = gone.map(({ folder, path }) => join(paths[folder] ?? "", path));
      if ((await this.#forbidden(gonePaths)).length > 0) {
        this.#context.log.info(
          "The saved repository state holds what may not be read by now: it is not used.",
        );
        return "refused";
      }
      throwIfCancelled(signal);
      for (const [path, file] of known) stream.known.set(path, file);
      this.#serve(stream, this.#emptyRecall());
      this.#generation++;
      this.#wasRestored = true;
      this.#context.onProgress({ reading: true, tokensRead, tokensTotal: tokensRead, tokensPerSecond: 0 });
      this.#context.log.info(
        `Restored the repository state of ${tokensRead} tokens; ${changed.length} files changed since.`,
      );
      await this.#recallAllBut(new Set(changed.map(({ path }) => path)), signal);
      return (await this.#take(changed, { signal, reading: true })) ? "outdated" : "current";
    } finally {
      if (stream !== this.#stream) stream.state.dispose();
    }
  }

  /**
   * Files or folders were made, changed, moved or deleted. True when everything should be read again, because much is outdated
   * or something may not be read by now: then many changed texts wait for that, except in the exact recall.
   */
  async follow(
    paths: readonly string[],
    signal: AbortSignal,
    textAt: TextAt = this.#textAt,
  ): Promise<boolean> {
    for (const path of paths) this.#meanwhile?.add(path);
    const { known } = this.#stream;
    const hasNewRules = paths.some((path) => basename(path) === ".gitignore");
    if (hasNewRules) this.live.reconsider();
    const find = (path: string) => findWorkspaceFile(this.#settings.policy, path);
    const sources = { known, list: () => this.#list(signal), find, textAt };
    const { changed, same, gone }: Changes = await changedFiles(paths, sources, signal);
    const mayBeForbidden = hasNewRules ? known.keys() : gone.filter((path) => known.has(path));
    if (await this.#forgetForbidden(mayBeForbidden)) this.#stream.holdsForbidden = true;
    for (const path of gone) {
      if (known.delete(path)) this.#context.onRead();
      this.#recall.forget(path);
    }
    for (const file of same) if (!this.#recall.has(file.path)) await this.#recallFile(file);
    const isOutdated = await this.#take(changed, { signal, reading: false, textAt });
    return isOutdated || this.#stream.holdsForbidden;
  }

  dispose(): void {
    this.live.dispose();
    dispose(this.#stream, this.#recall);
  }

  readonly #textAt: TextAt = async (path) => this.live.read(path) ?? (await readText(path));

  async #readAll(signal: AbortSignal): Promise<Beside> {
    const startedMs = performance.now();
    const files = await this.#list(signal);
    const stream = this.#emptyStream(this.#settings);
    const recall = this.#emptyRecall();
    if (this.#stream.state.tokenCount === 0) this.#serve(stream, recall);
    try {
      await this.#advance(stream, recall, files, { signal, reading: true });
    } catch (cause) {
      if (stream !== this.#stream) dispose(stream, recall);
      throw cause;
    }
    return { stream, recall, seconds: (performance.now() - startedMs) / 1000 };
  }

  #replaceBy({ stream, recall, seconds }: Beside): void {
    this.#serve(stream, recall);
    this.#generation++;
    this.#wasRestored = false;
    const { onRead, onProgress, log } = this.#context;
    onRead();
    const { tokenCount } = stream.state;
    const figures = {
      tokensRead: tokenCount,
      tokensTotal: tokenCount,
      tokensPerSecond: tokenCount / seconds,
    };
    onProgress({ ...figures, reading: false });
    log.info(`Read ${stream.known.size} files, ${tokenCount} tokens in ${seconds.toFixed(1)} s.`);
  }

  async #take(changed: readonly WorkspaceFile[], options: AppendOptions): Promise<boolean> {
    const outdated = isOutdated(this.#stream.state.tokenCount, this.#stream.known, changed);
    if (outdated && tokensIn(changed) > FEW_TOKENS) {
      for (const file of changed) await this.#recallFile(file);
    } else {
      await this.#append(changed, options);
    }
    return outdated;
  }

  async #append(files: readonly WorkspaceFile[], options: AppendOptions): Promise<void> {
    if (files.length === 0) return;
    const before = this.#stream.state.tokenCount;
    await this.#advance(this.#stream, this.#recall, files, options);
    const names = files.slice(0, 3).map(({ relativePath }) => relativePath);
    const what = names.join(", ") + (files.length > 3 ? ` and ${files.length - 3} more` : "");
    const tokens = this.#stream.state.tokenCount - before;
    this.#context.log.info(`Read the new text of ${what}: ${tokens} tokens.`);
  }

  async #advance(
    stream: Stream,
    recall: RecallOfFiles,
    files: readonly WorkspaceFile[],
    { signal, reading, textAt = this.#textAt }: AppendOptions,
  ): Promise<void> {
    const { onProgress, onRead, ...context } = this.#context;
    await readFiles(stream, new ReadingPlan(files, BUDGET_TOKENS), {
      ...context,
      textAt,
      recall,
      signal,
      budgetTokens: BUDGET_TOKENS,
      isServed: stream === this.#stream,
      onProgress: (progress) => onProgress({ ...progress, reading }),
      onTaken: () => stream === this.#stream && onRead(),
    });
  }

  /** A saved state does not hold the texts themselves; those of changed files are taken when they are appended. */
  async #recallAllBut(changed: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (const { file } of this.#stream.known.values()) {
      throwIfCancelled(signal);
      if (!changed.has(file.path)) await this.#recallFile(file);
    }
  }

  async #recallFile(file: WorkspaceFile): Promise<void> {
    if (this.live.has(file.path)) return;
    const { tokenizer, log } = this.#context;
    const source = await tokenise({ tokenizer, log, textAt: this.#textAt }, file);
    if (source) this.#recall.take(source);
  }

  /** What the policy leaves out by now is not known and recalled any more; whether there is any. */
  async #forgetForbidden(paths: Iterable<string>): Promise<boolean> {
    const forbidden = await this.#forbidden(paths);
    for (const path of forbidden) {
      this.#stream.known.delete(path);
      this.#recall.forget(path);
    }
    return forbidden.length > 0;
  }

  async #forbidden(paths: Iterable<string>): Promise<string[]> {
    const { policy } = this.#settings;
    const judged = await Promise.all(
      Array.from(paths, async (path) => ({ path, verdict: await policy.judge(path) })),
    );
    return judged.filter(({ verdict }) => isForbidden(verdict)).map(({ path }) => path);
  }

  /** In reading order. */
  async #list(signal: AbortSignal): Promise<WorkspaceFile[]> {
    const options = { log: this.#context.log, signal };
    const files = await listFiles(this.#settings.policy, BUDGET_TOKENS * BYTES_PER_TOKEN, options);
    throwIfCancelled(signal);
    return files;
  }

  #serve(stream: Stream, recall: RecallOfFiles): void {
    if (stream === this.#stream) return;
    const before = { stream: this.#stream, recall: this.#recall };
    this.#stream = stream;
    this.#recall = recall;
    this.live.moveTo(recall);
    dispose(before.stream, before.recall);
  }

  #emptyStream(settings: ReadSettings): Stream {
    const state = this.#context.model.initialState(settings.stateHeads, settings.attentionWindow);
    return this.#newStream(settings, state);
  }

  #newStream(settings: ReadSettings, state: State): Stream {
    return { settings, state, streamHash: "", known: new Map(), holdsForbidden: false };
  }

  #emptyRecall(): RecallOfFiles {
    const recall = this.#context.model.createRecall(RECALL_TOKENS);
    return new RecallOfFiles(recall, (path) => this.live.has(path));
  }
}

/** "outdated": it serves, and everything should be read again. */
export type Restored = "refused" | "outdated" | "current";

/** A whole reading that does not serve yet. */
interface Beside {
  readonly stream: Stream;
  readonly recall: RecallOfFiles;
  readonly seconds: number;
}

interface AppendOptions {
  readonly signal: AbortSignal;
  /** Whether it is what a person waits for. */
  readonly reading: boolean;
  readonly textAt?: TextAt;
}

function dispose({ state }: Stream, recall: RecallOfFiles): void {
  state.dispose();
  recall.dispose();
}

/** Of what was read: a file that is gone was not forbidden. */
function isForbidden(verdict: Verdict): boolean {
  return verdict.kind === "outside" || (verdict.kind === "left out" && verdict.because !== "no file");
}
