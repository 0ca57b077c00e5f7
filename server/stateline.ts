/** Owns the model, the repository's state and the completer, and follows the settings. Knows text and tensors, no protocol. */
import { join } from "node:path";
import type { CompletionFigures, Status } from "../protocol/messages.ts";
import type { Settings } from "../protocol/settings.ts";
import { Completer, type CompleterContext } from "./completion/completer.ts";
import { QUICK_TOKENS_PER_SECOND } from "./completion/contextShare.ts";
import type { CompletionAnswer, CompletionRequest } from "./completion/request.ts";
import { describeDevice } from "./engine/device.ts";
import {
  Cancelled,
  DeviceError,
  type Engine,
  type LoadOptions,
  type Model,
  type Recall,
  type State,
} from "./engine/engine.ts";
import { loadNativeEngine } from "./engine/native.ts";
import type { Tokenizer } from "./engine/tokenizer.ts";
import { GpuFallback } from "./gpuFallback.ts";
import { type IdleClock, Idleness, SYSTEM_IDLE_CLOCK } from "./idleness.ts";
import { ADDON_PATH, GRAMMARS_PATH } from "./installation.ts";
import { type Log, reasonOf } from "./log.ts";
import { EMBEDDED, type ModelPlace, modelPlace } from "./modelPlace.ts";
import {
  createReading,
  disposeReading,
  memorySettingsFor,
  modelName,
  type Reading,
  type ReadingOptions,
  type Sized,
} from "./reading.ts";
import { Remote } from "./remote.ts";
import { FilePolicy, type PolicyFolder } from "./repository/filePolicy.ts";
import type { LiveDocument } from "./repository/liveTexts.ts";
import type { MemorySettings } from "./repository/memory.ts";
import { sentenceOnWindow } from "./repository/memoryLimit.ts";
import { Passages } from "./repository/passages.ts";
import { StateStore } from "./repository/stateStore.ts";
import { whatWasRead } from "./repository/whatWasRead.ts";
import { LOADING, statusOf } from "./status.ts";
import { SyntaxTrees } from "./syntax/trees.ts";

export interface StatelineOptions {
  readonly settings: Settings;
  /** Each with its own value of `exclude`, which counts in place of the settings'. */
  readonly folders: readonly PolicyFolder[];
  /** Where states are kept between runs; undefined: nowhere. */
  readonly storagePath: string | undefined;
  /** Of fetched models, where no setting names another folder. */
  readonly modelsPath?: string;
  /** Of packed weights, which all servers of this person share; undefined: each has its own copy in memory. */
  readonly packedPath?: string | undefined;
  readonly log: Log;
  readonly onStatusChanged: () => void;
  /** What is open when a model begins to serve; later by noteDocument and noteClosed. */
  readonly openDocuments?: () => readonly LiveDocument[];
  /** One sentence that the person should see though work goes on. */
  readonly onProblem?: (sentence: string) => void;
  /** While the model reads into the state, after each batch. */
  readonly onReading?: (tokensPerSecond: number) => void;
  readonly onCompletion?: (figures: CompletionFigures) => void;
  /** A better text came after the answer to this request: asking again answers with it. */
  readonly onBetter?: (request: CompletionRequest) => void;
  /** Of remote servers, by origin; it may grow later, see keysChanged. */
  readonly remoteKeys?: Map<string, string>;
  readonly onRatioSwitched?: (change: RatioSwitch) => void;
  /** Told what was decoded while a person types, before it is decided how much of it is shown. */
  readonly onDecoded?: CompleterContext["onDecoded"];
  /** Of texts that are wrong, in place of what the settings say. */
  readonly costs?: CompleterContext["costs"];
  /** No embedded model beside a slow one: where that one's own text is asked for, in a terminal and in evaluations. */
  readonly answersAlone?: boolean;
  /** The native engine when absent. */
  readonly engine?: () => Engine;
  /** The machine's when absent. */
  readonly idleClock?: IdleClock;
}

/** The model as it serves, on the repository as it is. */
export interface Served extends MemorySettings {
  readonly model: Model;
  readonly modelName: string;
  readonly tokenizer: Tokenizer;
  readonly state: State;
  readonly recall: Recall;
  /** That the state has read. */
  readonly stateTokens: number;
  /** Of the cache where all heads attend. */
  readonly bytesPerToken: number;
}

/** Heads in state mode before and after; `read` resolves when the repository is read anew. */
export interface RatioSwitch {
  readonly from: number;
  readonly to: number;
  readonly read: Promise<void>;
}

type Life =
  | { readonly kind: "loading" }
  | { readonly kind: "serving"; readonly serving: Reading }
  /** Nobody asked for long: the next key loads it again. */
  | { readonly kind: "resting"; readonly model: string }
  | { readonly kind: "error"; readonly message: string };

const NO_PASSAGES = new Passages();

export class Stateline {
  readonly #options: StatelineOptions;
  #settings: Settings;
  #policy: FilePolicy;
  #life: Life = { kind: "loading" };
  /** Loadings of models, one after the other. */
  #loading: Promise<void> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();
  #permitting: Promise<unknown> = Promise.resolve();
  #notedFigures: CompletionFigures | undefined;
  readonly #syntax: SyntaxTrees;
  readonly #gpu: GpuFallback;
  readonly #remote: Remote;
  /**
   * The embedded model beside a larger one: it answers first while that is being loaded, and for good where that is slow here,
   * then from an index of its own.
   */
  #reserve: Reading | undefined;
  /** Resolves when somebody answers, or nobody can before the model is loaded. */
  #standingBy: Promise<void> = Promise.resolve();
  readonly #completer: Completer;
  readonly #idleness: Idleness;
  #disposed = false;

  constructor(options: StatelineOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#policy = new FilePolicy(options.folders);
    const { log, onProblem } = options;
    this.#gpu = new GpuFallback({
      ...{ log, onProblem, packedFolder: options.packedPath },
      onLeft: () => !this.#disposed && void this.start(),
    });
    this.#remote = new Remote(
      {
        log,
        passages: () => this.#serving?.memory.passages ?? NO_PASSAGES,
        mayBeTold: (uri) => this.#serving?.memory.live.mayBeTold(uri) ?? false,
        onChanged: options.onStatusChanged,
        onProblem: (sentence) => {
          log.warn(sentence);
          onProblem?.(sentence);
        },
      },
      options.remoteKeys ?? new Map(),
    );
    this.#syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) =>
      options.log.warn(`A grammar does not load: ${reasonOf(cause)}`),
    );
    const { onBetter, onDecoded, costs } = options;
    this.#completer = new Completer({
      writer: () => this.#first.writer,
      state: () => this.#first.memory.state,
      better: () => this.#remote.writer ?? (this.#reserve && this.#serving?.writer),
      onBetter,
      syntax: this.#syntax,
      settings: () => this.#settings,
      ...{ onDecoded, costs, log },
    });
    this.#idleness = new Idleness({
      ...(options.idleClock ?? SYSTEM_IDLE_CLOCK),
      minutes: () => this.#settings.unloadAfterMinutes,
      onIdle: (why) => void this.#rest(why),
    });
  }

  /** Loads the model and begins to read the repository. Failures end up in the status. */
  async start(): Promise<void> {
    const remote = this.#remote.configure(this.#settings);
    this.#idleness.noteUse();
    if (this.#life.kind === "resting") this.#life = { kind: "loading" };
    this.#standingBy = this.#loading.then(() => this.#standBy());
    this.#loading = this.#standingBy.then(() => this.#load());
    await Promise.all([this.#loading, remote]);
  }

  /** Takes new settings and folders; whatever depends on a changed one is done again, the old state answering meanwhile. */
  async configure(settings: Settings, folders: readonly PolicyFolder[]): Promise<void> {
    const before = { settings: this.#settings, policy: this.#policy };
    this.#settings = settings;
    const policy = new FilePolicy(folders);
    if (policy.key !== before.policy.key) this.#policy = policy;
    const remote = this.#remote.configure(settings);
    const reload = differs(before.settings, settings, [
      "model",
      "modelPath",
      "models.folder",
      "threads",
      "device",
    ]);
    if (differs(before.settings, settings, ["device"])) this.#gpu.forgive();
    if (reload) return await this.start();
    const reread = differs(before.settings, settings, ["hybridRatio", "attentionWindow"]);
    if (!reread && this.#policy === before.policy) return await remote;
    await Promise.all([this.#loading, remote]);
    const stateHeads = this.#serving?.memory.state.stateHeads;
    this.#read(true);
    this.#ratioSet(stateHeads);
  }

  /** After an error: tries the model again. */
  async reread(): Promise<void> {
    this.#remote.forgive();
    if (this.#life.kind === "error" || this.#life.kind === "resting") return await this.start();
    this.#read(false);
  }

  noteChange(path: string): void {
    for (const { memory } of this.#readings) memory.noteChange(path);
  }

  /** A document was opened or changed: its text now stands for its file. */
  noteDocument(document: LiveDocument): void {
    for (const { memory } of this.#readings) memory.live.set(document);
  }

  /** Of a remote server. */
  keysChanged(): void {
    this.#remote.forgive();
  }

  noteClosed(uri: string): void {
    this.#completer.noteClosed(uri);
    for (const { memory } of this.#readings) memory.noteClosed(uri);
  }

  /** The likeliest first. */
  async complete(request: CompletionRequest, signal?: AbortSignal): Promise<readonly CompletionAnswer[]> {
    await this.#wake();
    for (const { memory } of this.#readings) memory.giveWay();
    const permitted = await this.#asPermitted(request);
    if (this.#readings.length === 0) return [];
    const answers = await this.#completer.complete(permitted, signal);
    const { lastFigures } = this.#completer;
    if (lastFigures && lastFigures !== this.#notedFigures) {
      this.#notedFigures = lastFigures;
      this.#options.onCompletion?.(lastFigures);
    }
    return answers;
  }

  /** The cursor rests there: its surroundings are read, then the state for its document, then its surroundings after that. */
  async readAhead(request: CompletionRequest): Promise<void> {
    const permitted = await this.#asPermitted(request);
    if (!this.#completer.mayBeAsked(permitted)) return;
    const readings = [...this.#readings];
    for (const { writer } of readings) await writer.readAhead(permitted);
    for (const { writer, memory } of readings)
      if (await memory.turnTo(permitted.document)) await writer.takeUpState(permitted);
  }

  /** Whether the state goes on from one of an earlier run, which has read what was on disk then. */
  get wasRestored(): boolean {
    return this.#serving?.memory.wasRestored ?? false;
  }

  /** A page for a person, in Markdown; undefined while no model serves. */
  async whatWasRead(): Promise<string | undefined> {
    const memory = this.#serving?.memory;
    return memory && (await whatWasRead(this.#policy, (path) => memory.files.has(path), this.#options.log));
  }

  get lastCompletion(): CompletionFigures | null {
    return this.#completer.lastFigures;
  }

  get status(): Status {
    const { status: remote } = this.#remote;
    return { ...this.#ownStatus, ...(remote && { remote }) };
  }

  get #ownStatus(): Status {
    const life = this.#life;
    if (life.kind === "serving") return statusOf(life.serving);
    const message = life.kind === "error" ? { message: life.message } : {};
    const model = life.kind === "resting" ? life.model : "";
    const hybridRatio = this.#settings.hybridRatio ?? 0;
    return { ...LOADING, state: life.kind, hybridRatio, model, ...message };
  }

  /** Resolves when the repository is read; undefined when there is no model to measure. */
  async whenRead(): Promise<Served | undefined> {
    await this.#wake();
    await this.#loading;
    await this.#reading;
    return this.served;
  }

  /** undefined while no model serves. */
  get served(): Served | undefined {
    const serving = this.#serving;
    if (!serving) return undefined;
    const { model, tokenizer, memory, bytesPerToken } = serving;
    const { state, recall } = memory;
    const stateTokens = state.tokenCount;
    const parts = {
      model,
      tokenizer,
      modelName: modelName(serving),
      state,
      recall,
      stateTokens,
      bytesPerToken,
    };
    return { ...parts, ...this.#memorySettings(serving) };
  }

  /** Resolves when the repository is read and what changed is appended and saved. */
  async settled(): Promise<void> {
    await this.#loading;
    await this.#reading;
    for (const { memory } of this.#readings) await memory.settled();
  }

  /** The model stays in memory until what this returns is disposed of. */
  hold(): Disposable {
    return this.#idleness.hold();
  }

  /** Saves the state if it changed since it was saved last. */
  async flush(): Promise<void> {
    await this.#serving?.memory.flush();
  }

  dispose(): void {
    this.#disposed = true;
    this.#syntax.dispose();
    this.#remote.dispose();
    this.#idleness.dispose();
    this.#dropAll();
    this.#life = { kind: "loading" };
  }

  /** Where a model would be loaded from. */
  placeOf(name: string): ModelPlace {
    return modelPlace({ ...this.#settings, model: name, modelPath: "" }, this.#options.modelsPath);
  }

  /** Another model, as it would serve here: to be measured. The caller disposes of it. */
  async loadBeside(path: string, options: Pick<LoadOptions, "blank"> = {}): Promise<Model> {
    return await this.#gpu.loadModel(this.#engine, path, this.#settings, options);
  }

  get #engine(): Engine {
    return this.#options.engine?.() ?? loadNativeEngine(ADDON_PATH);
  }

  get #serving(): Reading | undefined {
    return this.#life.kind === "serving" ? this.#life.serving : undefined;
  }

  /** Who answers first. Whoever asks was told that there is somebody; since then all may have gone. */
  get #first(): Reading {
    const [first] = this.#readings;
    if (!first) throw new Cancelled();
    return first;
  }

  /** Whoever answers first comes first. */
  get #readings(): readonly Reading[] {
    return [this.#reserve, this.#serving].filter((one) => one !== undefined);
  }

  /** Somebody asks: a model that rests is loaded again, the embedded one answers meanwhile. */
  async #wake(): Promise<void> {
    if (!this.#settings.enabled) return;
    this.#idleness.noteUse();
    if (this.#life.kind === "resting") void this.start();
    await this.#standingBy;
  }

  /** Nobody asks: a larger model gives its memory back. What it has read is on disk, or read again. */
  async #rest(why: string): Promise<void> {
    const serving = this.#serving;
    if (!serving || serving.place.path === EMBEDDED.path || serving.memory.progress.reading) return;
    await serving.memory.flush();
    if (serving !== this.#serving || !this.#idleness.isIdle()) return;
    this.#life = { kind: "resting", model: modelName(serving) };
    this.#dropReserve();
    this.#completer.giveUp();
    disposeReading(serving);
    this.#options.log.info(`${modelName(serving)} is unloaded ${why}; the next key loads it again.`);
    this.#options.onStatusChanged();
  }

  /** A larger model takes its time: where nobody answers yet, the embedded one does. */
  async #standBy(): Promise<void> {
    const { path } = modelPlace(this.#settings, this.#options.modelsPath);
    if (this.#disposed || path === EMBEDDED.path || this.#readings.length > 0) return;
    if (this.#options.answersAlone) return;
    try {
      const reserve = await this.#readingOf(EMBEDDED, {});
      if (this.#disposed) return disposeReading(reserve);
      this.#reserve = reserve;
    } catch (cause) {
      this.#options.log.warn(`The embedded model cannot answer beside the other one: ${reasonOf(cause)}`);
    }
  }

  async #load(): Promise<void> {
    const { log, onStatusChanged } = this.#options;
    if (this.#disposed) return;
    const place = modelPlace(this.#settings, this.#options.modelsPath);
    if (place.problem !== undefined) this.#options.onProblem?.(place.problem);
    const startedMs = performance.now();
    const before = this.#serving;
    try {
      const { storagePath, onReading: onSpeed } = this.#options;
      const store = storagePath ? new StateStore(join(storagePath, "states"), log) : undefined;
      const serving = await this.#readingOf(place, { store, onSpeed });
      if (this.#disposed) return disposeReading(serving);
      this.#life = { kind: "serving", serving };
      const { info } = serving.model;
      const loadMs = (performance.now() - startedMs).toFixed(0);
      const shared = info.sharesWeights ? ", weights shared with other windows" : "";
      log.info(
        `Loaded ${modelName(serving)} from ${place.path} in ${loadMs} ms, ${describeDevice(info)}${shared}.`,
      );
      this.#read(true);
    } catch (cause) {
      // A GPU that fails here is left already, and the next loading has begun to wait for this one.
      if (cause instanceof DeviceError) this.#life = { kind: "loading" };
      else this.#life = { kind: "error", message: reasonOf(cause) };
      log.warn(reasonOf(cause));
      onStatusChanged();
    }
    if (before) {
      this.#dropReserve();
      this.#completer.giveUp();
      disposeReading(before);
    } else if (place.path === EMBEDDED.path || this.#life.kind === "error") this.#dropReserve();
  }

  async #readingOf(place: ModelPlace, kept: Pick<ReadingOptions, "store" | "onSpeed">): Promise<Reading> {
    const { log, onStatusChanged, openDocuments } = this.#options;
    const model = await this.#gpu.loadModel(this.#engine, place.path, this.#settings);
    return await createReading(model, place, {
      settingsFor: (sized) => this.#memorySettings(sized),
      documents: () => openDocuments?.() ?? [],
      ...{ ...kept, log, onProgress: onStatusChanged },
    });
  }

  /** With what the policy says of the document, and of others only what may be quoted. Requests keep their order. */
  #asPermitted(request: CompletionRequest): Promise<CompletionRequest> {
    const permitted = this.#permitting.then(() => this.#permitted(request));
    this.#permitting = permitted.catch(() => undefined);
    return permitted;
  }

  async #permitted(request: CompletionRequest): Promise<CompletionRequest> {
    const live = this.#readings.at(-1)?.memory.live;
    if (!live) return { ...request, others: [] };
    const [forbidden, ...texts] = await Promise.all([
      live.reasonNotToComplete(request.document),
      ...request.others.map(({ uri, text }) => live.quotable(uri, text)),
    ]);
    const others = request.others.flatMap((other, i) => {
      const text = texts[i];
      return text === undefined ? [] : [{ ...other, text }];
    });
    return { ...request, others, forbidden };
  }

  #read(fromDisk: boolean): void {
    const serving = this.#serving;
    if (!serving) return;
    const settings = this.#memorySettings(serving);
    const asked = this.#settings.attentionWindow;
    const sentence = asked === null ? undefined : sentenceOnWindow(asked, settings.attentionWindow);
    if (sentence) this.#options.onProblem?.(sentence);
    this.#reading = serving.memory.read(settings, { fromDisk }).then(() => this.#readReserve(serving));
  }

  /** Beside a model that is slow here the embedded one stays, once it is known how slow it is. */
  async #readReserve(serving: Reading): Promise<void> {
    const { log } = this.#options;
    const { tokensPerSecond } = serving.model;
    const isSlow = serving.place.path !== EMBEDDED.path && tokensPerSecond < QUICK_TOKENS_PER_SECOND;
    if (serving !== this.#serving) return;
    if (!isSlow) return this.#dropReserve();
    await this.#standBy();
    const reserve = this.#reserve;
    if (!reserve) return;
    const speed = `${Math.round(tokensPerSecond)} tokens a second`;
    log.info(`${modelName(serving)} reads ${speed} here: the embedded model answers first.`);
    await reserve.memory.read(this.#memorySettings(reserve), { fromDisk: true });
  }

  #dropReserve(): void {
    if (this.#reserve) disposeReading(this.#reserve);
    this.#reserve = undefined;
  }

  #dropAll(): void {
    this.#dropReserve();
    this.#completer.giveUp();
    if (this.#serving) disposeReading(this.#serving);
  }

  #ratioSet(before: number | undefined): void {
    const serving = this.#serving;
    if (!serving || before === undefined) return;
    const { stateHeads } = this.#memorySettings(serving);
    if (stateHeads !== before)
      this.#options.onRatioSwitched?.({ from: before, to: stateHeads, read: this.#reading });
  }

  #memorySettings(reading: Sized): MemorySettings {
    return memorySettingsFor(reading, this.#settings, this.#policy);
  }
}

function differs(a: Settings, b: Settings, names: readonly (keyof Settings)[]): boolean {
  return names.some((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}
