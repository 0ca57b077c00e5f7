/** The built addon as the tests use it, and the small models of test/golden. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { GeneratedText, Recall, RecallOptions } from "../../server/engine/engine.ts";

export type Priority = "completion" | "background";

export interface NativeState {
  readonly tokenCount: number;
  readonly stateBytes: number;
  readonly kvBytes: number;
  readonly stateHeads: number;
  dispose(): void;
}

export interface NativeCancellation {
  cancel(): void;
  readonly cancelled: boolean;
}

export interface JobOptions {
  priority: Priority;
  cancellation?: NativeCancellation;
}

export interface GenerateOptions extends JobOptions {
  maxTokens: number;
  temperature: number;
  topP: number;
  seed: number;
  stopTokens: Int32Array;
  firstTokens?: Int32Array;
  beam?: number;
  leastLogProb?: number;
  mostMs?: number;
  recall?: RecallOptions;
}

export interface NativeModel {
  readonly heldBytes: number;
  readonly info: { vocabSize: number; heads: number; hash: string; quantization: string; threads: number };
  initialState(stateHeads: number, attentionWindow: number): NativeState;
  advance(
    state: NativeState,
    tokens: Int32Array,
    options: JobOptions & { checkpoints?: number[] },
  ): Promise<NativeState[]>;
  score(
    state: NativeState,
    tokens: Int32Array,
    options: JobOptions & { recall?: RecallOptions },
  ): Promise<{ logProbs: Float32Array; state: NativeState }>;
  generate(
    state: NativeState,
    options: GenerateOptions,
  ): Promise<GeneratedText & { state: NativeState; alternatives: GeneratedText[] }>;
  logProbs(states: NativeState[], options: JobOptions): Promise<Float32Array[]>;
  serialize(state: NativeState): Promise<Uint8Array>;
  restore(bytes: Uint8Array): Promise<NativeState>;
  dispose(): void;
}

export interface NativeAddon {
  cpuLevel(): string;
  loadModel(directory: string, options: { threads: number }): Promise<NativeModel>;
  Cancellation: new () => NativeCancellation;
  Recall: new (capacityTokens: number, vocabSize: number, kinds?: Uint8Array) => Recall;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** STATELINE_ADDON names another build of the addon, for example one with sanitizers. */
export const addonPath = process.env.STATELINE_ADDON ?? join(root, "dist/native/stateline.node");
/** The other addon of that build. */
export const longRangeAddonPath = join(dirname(addonPath), "stateline-longrange.node");
export const addon = createRequire(import.meta.url)(addonPath) as NativeAddon;
export const goldenPath = (name: string): string => join(root, "test/golden", name);

export const loadTiny = (threads = 1): Promise<NativeModel> =>
  addon.loadModel(goldenPath("tiny-f32"), { threads });

/** The CUDA library over the emulated GPU, and what a test that wants it is skipped by. */
export const EMULATED = join(root, "native/build/libstateline_cuda_emulated.so");
export const emulated = existsSync(EMULATED)
  ? {}
  : { skip: "the emulator of CUDA's execution needs GCC on Linux" };

/** Deterministic ids below `vocabSize` (a linear congruential walk). */
export function someTokens(count: number, vocabSize: number, seed = 1): Int32Array {
  let x = seed;
  return Int32Array.from({ length: count }, () => {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    return (x >>> 8) % vocabSize;
  });
}

/** The one state of an advance without checkpoints. */
export async function advance(
  model: NativeModel,
  state: NativeState,
  tokens: Int32Array,
  options: JobOptions = { priority: "completion" },
): Promise<NativeState> {
  const [after] = await model.advance(state, tokens, options);
  if (after === undefined) throw new Error("advance gave no state");
  return after;
}

/** Of the token after the state, nats. */
export async function logProbs(model: NativeModel, state: NativeState): Promise<Float32Array> {
  const [after] = await model.logProbs([state], { priority: "completion" });
  if (after === undefined) throw new Error("logProbs gave nothing");
  return after;
}
