/**
 * Reads the repository, all files into the index and a few into the state, and follows what changes; what was read before
 * serves until something better is there.
 */
import { basename, join } from "node:path";
import { slowReadingInWords } from "../../protocol/words.ts";
import type { Model, Recall, State } from "../engine/engine.ts";
import { throwIfCancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import { areFew, BUDGET_TOKENS, isWorn, slowReading, stateTokens } from "./budget.ts";
import { type Changes, changedFiles } from "./changedFiles.ts";
import { compare, type KnownFiles, recordsOf } from "./comparison.ts";
import { FileIndex, RECALL_TOKENS } from "./fileIndex.ts";
import type { Verdict } from "./filePolicy.ts";
import { LiveTexts } from "./liveTexts.ts";
import type { Passages } from "./passages.ts";
import type { Snapshot } from "./persistence.ts";
import { type ReadSettings, readInto, type Stream } from "./reading.ts";
import { ReadingPlan } from "./readingPlan.ts";
import { type ReadText, readText } from "./readText.ts";
import { findWorkspaceFile, listFiles, tokenise, type WorkspaceFile } from "./sources.ts";
import type { StoredReading } from "./stateStore.ts";
import { type Focus, tailOf, tokensOf } from "./stateTail.ts";

export interface ReadProgress {
  readonly reading: boolean;
  /** In the index. */
  readonly tokensRead: number;
  readonly tokensTotal: number;
  /** By the model, into a state; 0: nothing was read into one yet. */
  readonly tokensPerSecond: number;
}

export interface ReaderContext {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly log: Log;
  readonly onProgress: (progress: ReadProgress) => void;
  /** There is something new to save. */
  readonly onRead: () => void;
  /** The model has read a batch. */
  readonly onSpeed: (tokensPerSecond: number) => void;
}

type TextAt = (path: string) => Promise<ReadText>;

export class RepositoryReader {
  readonly #context: ReaderContext;
  /** Of open documents: they stand for their files. */
  readonly live: LiveTexts;
  /** Those of the next reading. */
  #settings: ReadSettings;
  /** The document that the next state is read for. */
  #focus: Focus | undefined;
  /** What completions start from. */
  #stream: Stream;
  /** What they recall; all that the state has read is known there. */
  #index: FileIndex;
  /** The state has read what may not be read by now: it is saved no more, and read anew. */
  #holdsForbidden = false;
  #tokensPerSecond = 0;
  #generation = 0;
  #wasRestored = false;

  constructor(context: ReaderContext, settings: ReadSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#stream = this.#emptyStream();
    this.#index = this.#emptyIndex();
    const { tokenizer, log } = context;
    this.live = new LiveTexts({ tokenizer, log, policy: () => this.#settings.policy }, this.#index);
  }

  get state(): State {
    return this.#stream.state;
  }

  get recall(): Recall {
    return this.#index.recall;
  }

  get passages(): Passages {
    return this.#index.passages;
  }

  /** Counts states that may not be mixed with the one before: other settings, or it held what is forbidden by now. */
  get generation(): number {
    return this.#generation;
  }

  get wasRestored(): boolean {
    return this.#wasRestored;
  }

  /** Files that the index has as they are, by path. */
  get known(): KnownFiles {
    return this.#index.known;
  }

  /** Of what serves. */
  get progress(): ReadProgress {
    const { tokens } = this.#index;
    return {
      reading: false,
      tokensRead: tokens,
      tokensTotal: tokens,
      tokensPerSecond: this.#tokensPerSecond,
    };
  }

  /** undefined: nothing was read, or by now some of it may be forbidden. */
  snapshot(): Snapshot | undefined {
    const { settings, state, hash: streamHash } = this.#stream;
    if (state.tokenCount === 0 || settings.policy.folders.length === 0) return undefined;
    if (this.#holdsForbidden || settings.policy !== this.#settings.policy) return undefined;
    const { stateHeads, attentionWindow } = settings;
    const files = recordsOf(this.known);
    const reading = { streamHash, tokensRead: state.tokenCount, stateHeads, attentionWindow, files };
    return { settings, state, reading };
  }

  /** Open documents are judged by them at once; everything is read or restored next. */
  use(settings: ReadSettings): void {
    this.#settings = settings;
    this.live.reconsider();
  }

  /** What a policy that replaced the state's leaves out is recalled no more. */
  async forgetForbidden(): Promise<void> {
    if (this.#stream.settings.policy !== this.#settings.policy)
      await this.#forgetForbidden(this.known.keys());
  }

  /** All files. Where nothing was read before, completions are served as the index fills. */
  async readWhole(signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    const files = await this.#list(signal);
    const index = this.#emptyIndex();
    if (this.known.size === 0) this.#serve(this.#emptyStream(), index);
    try {
      await this.#fill(index, files, signal, this.#textAt);
      this.#serve(await this.#readTail(index, signal), index);
    } finally {
      if (index !== this.#index) index.dispose();
    }
    this.#holdsForbidden = false;
    this.#wasRestored = false;
    this.#generation++;
    this.#context.onRead();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    this.#context.log.info(
      `Read ${this.known.size} files, ${index.tokens} tokens in ${seconds} s; the state has the ${this.state.tokenCount} nearest.`,
    );
    const slow = slowReading(this.#context.model);
    if (slow) this.#context.log.info(`At this model's speed a state reads the ${slowReadingInWords(slow)}.`);
  }

  /** Goes on from a saved state, which is the reader's from now on, unless files may not be read by now. */
  async restore(saved: { reading: StoredReading; state: State }, signal: AbortSignal): Promise<Restored> {
    const { streamHash: hash, tokensRead, files: records } = saved.reading;
    const stream = { settings: this.#settings, focus: undefined, state: saved.state, hash };
    try {
      const files = await this.#list(signal);
      const { known, gone } = compare(files, records);
      const { paths } = this.#settings.policy;
      const gonePaths = gone.map(({ folder, path }) => join(paths[folder] ?? "", path));
      if ((await this.#forbidden(gonePaths)).length > 0) {
        this.#context.log.info(
          "The saved repository state holds what may not be read by now: it is not used.",
        );
        return "refused";
      }
      throwIfCancelled(signal);
      const index = this.#emptyIndex();
      for (const file of known) index.note(file);
      this.#serve(stream, index);
      this.#holdsForbidden = false;
      this.#generation++;
      this.#wasRestored = true;
      this.#context.log.info(
        `Restored the repository state after ${tokensRead} tokens, of ${known.length} files.`,
      );
      const changed = await this.#fill(index, files, signal, readText);
      for (const path of [...index.known.keys()])
        if (!index.has(path) && !this.live.has(path)) index.forget(path);
      this.#context.log.info(`Recalled ${index.tokens} tokens; ${changed.length} files changed since.`);
      return (await this.#take(changed, signal)) ? "outdated" : "current";
    } finally {
      if (stream.state !== this.state) stream.state.dispose();
    }
  }

  /**
   * Files or folders were made, changed, moved or deleted. True when the state should be read anew, because what changed is too
   * much to be appended or something may not be read by now.
   */
  async follow(
    paths: readonly string[],
    signal: AbortSignal,
    textAt: TextAt = this.#textAt,
  ): Promise<boolean> {
    const hasNewRules = paths.some((path) => basename(path) === ".gitignore");
    if (hasNewRules) this.live.reconsider();
    const find = (path: string) => findWorkspaceFile(this.#settings.policy, path);
    const sources = { known: this.known, list: () => this.#list(signal), find, textAt };
    const { changed, same, gone }: Changes = await changedFiles(paths, sources, signal);
    const mayBeForbidden = hasNewRules ? this.known.keys() : gone.filter((path) => this.known.has(path));
    if (await this.#forgetForbidden(mayBeForbidden)) this.#holdsForbidden = true;
    for (const path of gone) if (this.#index.forget(path)) this.#context.onRead();
    for (const file of same) if (!this.#index.has(file.path)) await this.#recallFile(file, textAt);
    return (await this.#take(changed, signal, textAt)) || this.#holdsForbidden;
  }

  /** The state, from the files that the index knows; the one before serves meanwhile. */
  async renew(signal: AbortSignal): Promise<void> {
    const stream = await this.#readTail(this.#index, signal);
    this.#serve(stream, this.#index);
    if (this.#holdsForbidden) this.#generation++;
    this.#holdsForbidden = false;
    this.#context.onRead();
    const place = this.#focus ? ` for ${this.#focus.relativePath}` : "";
    this.#context.log.info(`Read the state anew${place}: ${this.state.tokenCount} tokens.`);
  }

  /** The state, for a person who is at this document now. Whether it is another one than before. */
  async turnTo(focus: Focus, signal: AbortSignal): Promise<boolean> {
    this.focusOn(focus);
    if (this.#stream.focus === focus.uri || this.known.size === 0) return false;
    await this.renew(signal);
    return true;
  }

  /** The next state is read for this document. */
  focusOn(focus: Focus): void {
    this.#focus = focus;
  }

  dispose(): void {
    this.live.dispose();
    this.#stream.state.dispose();
    this.#index.dispose();
  }

  readonly #textAt: TextAt = async (path) => this.live.read(path) ?? (await readText(path));

  /** Takes all files into an index; those that are new there or say something else. */
  async #fill(
    index: FileIndex,
    files: readonly WorkspaceFile[],
    signal: AbortSignal,
    textAt: TextAt,
  ): Promise<WorkspaceFile[]> {
    const plan = new ReadingPlan(files, BUDGET_TOKENS);
    const changed: WorkspaceFile[] = [];
    for (let file = plan.next(); file; file = plan.next()) {
      const source = await this.#tokenise(file, textAt);
      throwIfCancelled(signal);
      plan.count(file, source?.tokens.length ?? 0);
      if (!source) continue;
      if (index.known.get(file.path)?.hash !== source.hash) changed.push(file);
      index.take(source);
      const { tokens: tokensRead } = index;
      const tokensTotal = Math.max(tokensRead, plan.estimatedTokens);
      this.#context.onProgress({ ...this.progress, reading: true, tokensRead, tokensTotal });
    }
    const left = files.length - index.known.size;
    if (left > 0)
      this.#context.log.info(`${left} of ${files.length} files are no text or beyond the budget.`);
    return changed;
  }

  async #readTail(index: FileIndex, signal: AbortSignal): Promise<Stream> {
    const { tokenizer } = this.#context;
    const settings = this.#settings;
    const focus = this.#focus;
    const tail = await tailOf({
      files: Array.from(index.known.values(), ({ file }) => file),
      focus,
      mostTokens: stateTokens(this.#context.model, settings),
      tokenizer,
      beginningOf: async (file, most) => {
        throwIfCancelled(signal);
        return (await this.#tokenise(file, this.#textAt, most))?.tokens;
      },
    });
    throwIfCancelled(signal);
    const tokens = tokensOf(tail, tokenizer, settings.policy.paths);
    const start = { ...this.#emptyStream(), focus: focus?.uri };
    if (tokens.length === 0) return start;
    try {
      return await this.#readInto(start, tokens, signal);
    } finally {
      start.state.dispose();
    }
  }

  /** True when the state should be read anew, with these files or without what it read after its beginning. */
  async #take(
    changed: readonly WorkspaceFile[],
    signal: AbortSignal,
    textAt = this.#textAt,
  ): Promise<boolean> {
    const beginning = stateTokens(this.#context.model, this.#settings);
    if (changed.length === 0) return isWorn(this.state.tokenCount, beginning);
    const appends = areFew(changed, beginning) && this.state.tokenCount > 0;
    const tokens: number[] = [];
    for (const file of changed) {
      const source = await this.#tokenise(file, textAt);
      throwIfCancelled(signal);
      if (!source) continue;
      this.#index.take(source);
      if (appends) for (const token of source.tokens) tokens.push(token);
    }
    this.#context.onRead();
    if (!appends) return true;
    const stream = await this.#readInto(this.#stream, Int32Array.from(tokens), signal);
    this.#serve(stream, this.#index);
    const names = changed.slice(0, 3).map(({ relativePath }) => relativePath);
    const what = names.join(", ") + (changed.length > 3 ? ` and ${changed.length - 3} more` : "");
    this.#context.log.info(`Read the new text of ${what}: ${tokens.length} tokens.`);
    return isWorn(this.state.tokenCount, beginning);
  }

  async #readInto(stream: Stream, tokens: Int32Array, signal: AbortSignal): Promise<Stream> {
    const startedMs = performance.now();
    const onBatch = (read: number) => {
      this.#tokensPerSecond = (read * 1000) / Math.max(1, performance.now() - startedMs);
      this.#context.onSpeed(this.#tokensPerSecond);
    };
    return await readInto(stream, tokens, { model: this.#context.model, signal, onBatch });
  }

  async #recallFile(file: WorkspaceFile, textAt: TextAt): Promise<void> {
    if (this.live.has(file.path)) return;
    const source = await this.#tokenise(file, textAt);
    if (source) this.#index.take(source);
  }

  async #tokenise(file: WorkspaceFile, textAt: TextAt, mostTokens?: number) {
    const { tokenizer, log } = this.#context;
    return await tokenise({ tokenizer, log, textAt }, file, mostTokens);
  }

  /** What the policy leaves out by now is not known and recalled any more; whether there is any. */
  async #forgetForbidden(paths: Iterable<string>): Promise<boolean> {
    const forbidden = await this.#forbidden(paths);
    for (const path of forbidden) this.#index.forget(path);
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
    const files = await listFiles(this.#settings.policy, options);
    throwIfCancelled(signal);
    return files;
  }

  #serve(stream: Stream, index: FileIndex): void {
    const before = { stream: this.#stream, index: this.#index };
    this.#stream = stream;
    this.#index = index;
    if (before.stream.state !== stream.state) before.stream.state.dispose();
    if (before.index === index) return;
    this.live.moveTo(index);
    before.index.dispose();
  }

  #emptyStream(): Stream {
    const { stateHeads, attentionWindow } = this.#settings;
    const state = this.#context.model.initialState(stateHeads, attentionWindow);
    return { settings: this.#settings, focus: undefined, state, hash: "" };
  }

  #emptyIndex(): FileIndex {
    const { model, tokenizer } = this.#context;
    return new FileIndex(model.createRecall(RECALL_TOKENS, tokenizer.kinds), (path) => this.live.has(path));
  }
}

/** "outdated": it serves, and should be read anew. */
export type Restored = "refused" | "outdated" | "current";

/** Of what was read: a file that is gone was not forbidden. */
function isForbidden(verdict: Verdict): boolean {
  return verdict.kind === "outside" || (verdict.kind === "left out" && verdict.because !== "no file");
}
