/** What the server asks of an engine: immutable models and states, and the few operations between them. */

import type { LayerKinds } from "../../protocol/messages.ts";

export type Priority = "completion" | "background";

export interface JobOptions {
  readonly priority: Priority;
  readonly signal?: AbortSignal;
}

export interface AdvanceOptions extends JobOptions {
  /** A state is returned after each of these counts of tokens (ascending, the last = tokens.length). */
  readonly checkpoints?: readonly number[];
}

/** Earlier places, an entry each, newest first: what followed, the length in common, and how much the place counts. */
export interface Matches {
  readonly next: Int32Array;
  readonly length: Int32Array;
  /** From 1 up: the more of the tokens before the place stand before the context's end, too. */
  readonly weight: Float32Array;
  /** Of the tokens before the last, those that are the context's at the same distance: 0.9 for the nearest, and so on. */
  readonly alignment: Float32Array;
  /** Tokens that were remembered after the place. */
  readonly distance: Int32Array;
}

/**
 * Texts of tokens, kept exactly and found again by their last tokens; bounded, the oldest go first. Ids outside the model's
 * vocabulary are refused.
 */
export interface Recall {
  /** Returns the text's name for `forget`. */
  append(tokens: Int32Array): number;
  /** Continues the text that was appended last; throws if that was forgotten. */
  push(token: number): void;
  /** Where the last tokens stood before. The last 65 tokens of the context are looked at. */
  find(context: Int32Array): Matches;
  /** Natural logarithms of each token's share of it; zeros if it was made without kinds. */
  frequencies(tokens: Int32Array): Float32Array;
  forget(text: number): void;
  readonly bytes: number;
  /** Requests already made with it still end. */
  dispose(): void;
}

/** Mixes what followed the same tokens elsewhere into the model's distribution. */
export interface RecallOptions {
  /** Of this model; without it only the context itself is searched. */
  readonly memory?: Recall;
  /** The tokens that led to the state, or the last of them. */
  readonly context: Int32Array;
  /** Greedy generation verifies so many recalled tokens at once, 0 to 31; the answer is the same. By default 0. */
  readonly draftTokens?: number;
}

export interface ScoreOptions extends JobOptions {
  readonly recall?: RecallOptions;
}

export interface GenerateOptions extends JobOptions {
  readonly recall?: RecallOptions;
  readonly maxTokens: number;
  /** 0 = greedy. */
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly stopTokens: Int32Array;
  /** The only ids allowed as the first token. */
  readonly firstTokens?: Int32Array;
  /** Generation ends where the log probabilities of the tokens so far sum to less, nats; by default never. */
  readonly leastLogProb?: number;
  /** Generation ends, for the reason "length", with the first token later than so long after it was asked for. */
  readonly mostMs?: number;
  /**
   * Hypotheses held at once, 1 to 32, in search of the likeliest text to a stop token; by default 1, greedy. More want
   * temperature 0 and no `leastLogProb`, and read no drafts.
   */
  readonly beam?: number;
}

export interface GeneratedText {
  /** Includes the token that ended them, for the reason "stop" or "unlikely". */
  readonly tokens: Int32Array;
  readonly logProbs: Float32Array;
  readonly reason: "stop" | "unlikely" | "length";
}

export interface Generated extends GeneratedText {
  /** After the tokens, less the one that ended them. */
  readonly state: State;
  /** What else a beam found to end, the likeliest first; all differ before the stop token. */
  readonly alternatives: readonly GeneratedText[];
}

export interface ModelInfo {
  /** "stateline" is the embedded model's; the others have the names of transformers' model_type. */
  readonly family: string;
  readonly layerKinds: LayerKinds;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Of each layer, those that run as state or as attention, as a state is made; 0: the family has none. */
  readonly heads: number;
  readonly parameters: number;
  readonly weightBytes: number;
  /** Mapped from `packedFolder`. */
  readonly sharesWeights: boolean;
  /** One sentence where that was asked for and cannot be. */
  readonly packingProblem?: string;
  /** How the weights are stored. */
  readonly quantization: string;
  /** Of weights and configuration, hex. */
  readonly hash: string;
  readonly defaultHybridRatio: number;
  readonly attentionWindow: number;
  readonly threads: number;
  readonly cpuLevel: string;
  /** "cpu", or a GPU's place and name: "cuda:0 (NVIDIA A100)". */
  readonly device: string;
}

/** null: the model has no heads that could run as state or as attention. */
export function hybridRatioOf({ heads }: Pick<ModelInfo, "heads">, stateHeads: number): number | null {
  return heads > 0 ? stateHeads / heads : null;
}

/** Immutable memory after some tokens. Whoever receives a state disposes of it; jobs already begun with it still end. */
export interface State {
  readonly tokenCount: number;
  /** Recurrent memory: constant in the number of tokens. */
  readonly stateBytes: number;
  readonly kvBytes: number;
  readonly stateHeads: number;
  dispose(): void;
}

export interface Model {
  readonly info: ModelInfo;
  /** Of all states that are alive: what they share counts once. */
  readonly heldBytes: number;
  /** Of `advance`, as measured lately; infinite before anything was read. */
  readonly tokensPerSecond: number;
  /** attentionWindow 0 = unbounded. */
  initialState(stateHeads: number, attentionWindow: number): State;
  /** Never changes `state`; rejects with Cancelled when the signal aborts. */
  advance(state: State, tokens: Int32Array, options: AdvanceOptions): Promise<State[]>;
  /** log p(tokens[i] | before) in nats, and the state after. */
  score(
    state: State,
    tokens: Int32Array,
    options: ScoreOptions,
  ): Promise<{ logProbs: Float32Array; state: State }>;
  generate(state: State, options: GenerateOptions): Promise<Generated>;
  /** With the kind of each token (server/engine/tokenKinds.ts) it also knows how often each stands in it: that of a repository. */
  createRecall(capacityTokens: number, kinds?: Uint8Array): Recall;
  /** Of the token after each state, [vocabSize] nats; quick, since a state holds what it needs. */
  logProbs(states: readonly State[], options: JobOptions): Promise<Float32Array[]>;
  serialize(state: State): Promise<Uint8Array>;
  /** Rejects on bytes that are damaged or belong to another model. */
  restore(bytes: Uint8Array): Promise<State>;
  dispose(): void;
}

/** Of a classifier of byte sequences. */
export interface LongRangeInfo {
  readonly task: string;
  readonly classNames: readonly string[];
  readonly hiddenSize: number;
  readonly layers: number;
  /** Share of the channels that the state-space layer gets, 0 to 1. */
  readonly ssmRatio: number;
  readonly family: "low_rank" | "diagonal";
  /** Tokens of the longest sequence it was trained on. */
  readonly maxLength: number;
  readonly parameters: number;
  /** In memory, with what is computed from the weights. */
  readonly bytes: number;
  readonly threads: number;
  readonly cpuLevel: string;
}

export interface Classification {
  readonly logits: Float32Array;
  /** What the network remembers at the end of the sequence: constant where no channel attends. */
  readonly memoryBytes: number;
}

/** "cuda:1" is GPU number 1. */
export type DeviceName = "cpu" | `cuda:${number}`;

export interface LoadOptions {
  readonly threads: number;
  /** By default the processor. */
  readonly device?: DeviceName;
  /** Of matrices, in blocks of 32 weights; what is stored in fewer bits stays as it is. By default nothing is rounded. */
  readonly rounding?: "int8" | "int4";
  /** Folder from which a large model is mapped, one copy for all processes; its first loading puts it there. */
  readonly packedFolder?: string | undefined;
  /** Of the folder config.json alone is read: weights mean nothing, and take as long as real ones. */
  readonly blank?: boolean;
  /** The GPU failed while the model was in use, as the failed call tells too. */
  readonly onDeviceFailed?: (error: DeviceError) => void;
}

export interface Engine {
  /** Of a folder or a GGUF file. Rejects with DeviceError if the device cannot be used. */
  loadModel(modelPath: string, options: LoadOptions): Promise<Model>;
}

/** The work was no longer wanted: never shown to a person. */
export class Cancelled extends Error {
  override name = "Cancelled";
  constructor() {
    super("Cancelled.");
  }
}

/** The native engine or a model cannot be used; the message is one sentence for a person. */
export class EngineError extends Error {
  override name = "EngineError";
}

/** A GPU cannot be used, or no longer; the processor still can. */
export class DeviceError extends EngineError {
  override name = "DeviceError";
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Cancelled();
}
