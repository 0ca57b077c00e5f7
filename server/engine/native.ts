/** The native addon behind the Engine interface: its Node-API surface typed, cancellation by AbortSignal, errors as sentences. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { hasCode, reasonOf } from "../../protocol/reason.ts";
import type {
  AdvanceOptions,
  Classification,
  DeviceName,
  Engine,
  Generated,
  GenerateOptions,
  JobOptions,
  LoadOptions,
  LongRangeInfo,
  Model,
  ModelInfo,
  Priority,
  Recall,
  RecallOptions,
  ScoreOptions,
  State,
} from "./engine.ts";
import { Cancelled, DeviceError, EngineError, throwIfCancelled } from "./engine.ts";
import { ReadingSpeed } from "./readingSpeed.ts";
import { problemOfSharedObject } from "./sharedObject.ts";

const CUDA_LIBRARY = process.platform === "win32" ? "stateline_cuda.dll" : "stateline_cuda.so";

export interface NativeCancellation {
  cancel(): void;
  readonly cancelled: boolean;
}

interface NativeJob {
  priority: Priority;
  cancellation?: NativeCancellation;
}

type NativeGenerate = Omit<GenerateOptions, "signal"> & NativeJob;

export interface NativeLongRange {
  readonly info: LongRangeInfo;
  classify(bytes: Uint8Array, options: { cancellation?: NativeCancellation }): Promise<Classification>;
  dispose(): void;
}

interface NativeModel {
  readonly info: ModelInfo;
  readonly heldBytes: number;
  initialState(stateHeads: number, attentionWindow: number): State;
  advance(
    state: State,
    tokens: Int32Array,
    options: NativeJob & { checkpoints?: number[] },
  ): Promise<State[]>;
  score(
    state: State,
    tokens: Int32Array,
    options: NativeJob & { recall?: RecallOptions },
  ): Promise<{ logProbs: Float32Array; state: State }>;
  generate(state: State, options: NativeGenerate): Promise<Generated>;
  logProbs(states: State[], options: NativeJob): Promise<Float32Array[]>;
  serialize(state: State): Promise<Uint8Array>;
  restore(bytes: Uint8Array): Promise<State>;
  dispose(): void;
}

interface CudaOptions {
  /** Path of the library stateline_cuda. */
  readonly library: string;
  readonly gpu: number;
}

interface Cancelling {
  Cancellation: new () => NativeCancellation;
}

export interface NativeAddon extends Cancelling {
  cpuLevel(): string;
  loadModel(
    modelPath: string,
    options: Pick<LoadOptions, "threads" | "rounding" | "packedFolder" | "blank"> & { cuda?: CudaOptions },
  ): Promise<NativeModel>;
  Recall: new (capacityTokens: number, vocabSize: number, kinds?: Uint8Array) => Recall;
}

/** An addon of its own, for the classifiers alone. */
export interface LongRangeAddon extends Cancelling {
  loadLongRange(directory: string, options: { threads: number }): Promise<NativeLongRange>;
}

/** The CUDA library is optional; it lies beside the addon. */
export function loadNativeEngine(
  addonPath: string,
  cudaLibraryPath = join(dirname(addonPath), CUDA_LIBRARY),
): Engine {
  const addon = loadAddon<NativeAddon>(addonPath);
  return {
    async loadModel(modelPath, { device = "cpu", onDeviceFailed, ...options }) {
      const gpu = gpuNumber(device);
      if (gpu !== undefined) refuseDamaged(cudaLibraryPath);
      const cuda = gpu === undefined ? {} : { cuda: { library: cudaLibraryPath, gpu } };
      const model = await addon.loadModel(modelPath, { ...options, ...cuda }).catch((cause: unknown) => {
        throw deviceErrorOf(cause) ?? new EngineError(reasonOf(cause), { cause });
      });
      return new NativeModelAdapter(addon, model, onDeviceFailed);
    },
  };
}

function gpuNumber(device: DeviceName): number | undefined {
  return device === "cpu" ? undefined : Number(device.slice("cuda:".length));
}

/** Whether it is there, and of the right version, the engine says. */
function refuseDamaged(cudaLibraryPath: string): void {
  const problem = existsSync(cudaLibraryPath) ? problemOfSharedObject(cudaLibraryPath) : undefined;
  if (problem !== undefined) {
    throw new DeviceError(
      `The CUDA library ${cudaLibraryPath} ${problem}; build it again with ./dev build --cuda.`,
    );
  }
}

export function loadAddon<Addon>(addonPath: string): Addon {
  if (!existsSync(addonPath)) throw unusable(addonPath, "is missing");
  const problem = problemOfSharedObject(addonPath);
  if (problem !== undefined) throw unusable(addonPath, problem);
  try {
    return createRequire(join(dirname(addonPath), "stateline.node"))(addonPath) as Addon;
  } catch (cause) {
    const [reason = ""] = reasonOf(cause).replace(`${addonPath}: `, "").split("\n", 1);
    throw unusable(addonPath, `does not load (${reason.trim()})`, cause);
  }
}

function unusable(addonPath: string, problem: string, cause?: unknown): EngineError {
  return new EngineError(
    `The native engine at ${addonPath} ${problem}; install the package for ${process.platform}-${process.arch}, or build it with ./dev build.`,
    { cause },
  );
}

class NativeModelAdapter implements Model {
  readonly info: ModelInfo;
  readonly #addon: NativeAddon;
  readonly #model: NativeModel;
  readonly #onDeviceFailed: LoadOptions["onDeviceFailed"];
  readonly #speed = new ReadingSpeed();

  constructor(addon: NativeAddon, model: NativeModel, onDeviceFailed: LoadOptions["onDeviceFailed"]) {
    this.#addon = addon;
    this.#model = model;
    this.#onDeviceFailed = onDeviceFailed;
    this.info = model.info;
  }

  get heldBytes(): number {
    return this.#model.heldBytes;
  }

  get tokensPerSecond(): number {
    return this.#speed.tokensPerSecond;
  }

  initialState(stateHeads: number, attentionWindow: number): State {
    return this.#told(() => this.#model.initialState(stateHeads, attentionWindow));
  }

  async advance(state: State, tokens: Int32Array, options: AdvanceOptions): Promise<State[]> {
    const { checkpoints } = options;
    const begunMs = performance.now();
    const states = await this.#run(options, (job) =>
      this.#model.advance(state, tokens, checkpoints ? { ...job, checkpoints: [...checkpoints] } : job),
    );
    this.#speed.note(tokens.length, performance.now() - begunMs);
    return states;
  }

  score(state: State, tokens: Int32Array, options: ScoreOptions) {
    const { recall } = options;
    return this.#run(options, (job) => this.#model.score(state, tokens, recall ? { ...job, recall } : job));
  }

  createRecall(capacityTokens: number, kinds?: Uint8Array): Recall {
    return new this.#addon.Recall(capacityTokens, this.info.vocabSize, kinds);
  }

  generate(state: State, options: GenerateOptions): Promise<Generated> {
    const { signal: _, ...rest } = options;
    return this.#run(options, (job) => this.#model.generate(state, { ...rest, ...job }));
  }

  logProbs(states: readonly State[], options: JobOptions): Promise<Float32Array[]> {
    return this.#run(options, (job) => this.#model.logProbs([...states], job));
  }

  serialize(state: State): Promise<Uint8Array> {
    return this.#model.serialize(state).catch((cause: unknown) => this.#rethrow(cause));
  }

  restore(bytes: Uint8Array): Promise<State> {
    return this.#model.restore(bytes).catch((cause: unknown) => this.#rethrow(cause));
  }

  dispose(): void {
    this.#model.dispose();
  }

  #told<Result>(call: () => Result): Result {
    try {
      return call();
    } catch (cause) {
      return this.#rethrow(cause);
    }
  }

  #rethrow(cause: unknown): never {
    const failure = deviceErrorOf(cause);
    if (failure) this.#onDeviceFailed?.(failure);
    throw failure ?? cause;
  }

  #run<Result>(options: JobOptions, start: (job: NativeJob) => Promise<Result>): Promise<Result> {
    const { priority, signal } = options;
    return runCancellable(this.#addon, signal, (cancellation) => start({ priority, ...cancellation })).catch(
      (cause: unknown) => this.#rethrow(cause),
    );
  }
}

/** `start` gets a cancellation if there is a signal; what was cancelled rejects with Cancelled. */
export async function runCancellable<Result>(
  addon: Cancelling,
  signal: AbortSignal | undefined,
  start: (options: { cancellation?: NativeCancellation }) => Promise<Result>,
): Promise<Result> {
  throwIfCancelled(signal);
  if (!signal) return await start({}).catch(rethrow);
  const cancellation = new addon.Cancellation();
  const cancel = () => cancellation.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await start({ cancellation }).catch(rethrow);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function rethrow(cause: unknown): never {
  if (hasCode(cause, "CANCELLED")) throw new Cancelled();
  throw cause;
}

function deviceErrorOf(cause: unknown): DeviceError | undefined {
  return hasCode(cause, "DEVICE") ? new DeviceError(reasonOf(cause), { cause }) : undefined;
}
