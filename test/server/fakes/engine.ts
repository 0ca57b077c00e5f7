/** An engine without tensors: a state is the list of its tokens, and what is generated comes from a script. */
import type {
  AdvanceOptions,
  Engine,
  Generated,
  GeneratedText,
  GenerateOptions,
  Matches,
  Model,
  ModelInfo,
  Recall,
  RecallOptions,
  State,
} from "../../../server/engine/engine.ts";
import { Cancelled, throwIfCancelled } from "../../../server/engine/engine.ts";
import type { Tokenizer } from "../../../server/engine/tokenizer.ts";

export class FakeState implements State {
  readonly tokens: readonly number[];
  readonly stateHeads: number;
  readonly stateBytes = 1024;
  disposed = false;

  constructor(tokens: readonly number[], stateHeads: number) {
    this.tokens = tokens;
    this.stateHeads = stateHeads;
  }

  get tokenCount(): number {
    return this.tokens.length;
  }

  get kvBytes(): number {
    return this.tokens.length * (8 - this.stateHeads);
  }

  dispose(): void {
    this.disposed = true;
  }
}

export class FakeRecall implements Recall {
  readonly texts = new Map<number, Int32Array>();
  readonly kinds: Uint8Array | undefined;
  #next = 0;

  constructor(kinds?: Uint8Array) {
    this.kinds = kinds;
  }

  append(tokens: Int32Array): number {
    this.texts.set(this.#next, tokens);
    return this.#next++;
  }

  push(): void {}

  find(): Matches {
    return {
      next: new Int32Array(0),
      length: new Int32Array(0),
      weight: new Float32Array(0),
      alignment: new Float32Array(0),
      distance: new Int32Array(0),
    };
  }

  frequencies(tokens: Int32Array): Float32Array {
    return new Float32Array(tokens.length);
  }

  forget(text: number): void {
    this.texts.delete(text);
  }

  disposed = false;

  dispose(): void {
    this.disposed = true;
  }

  get bytes(): number {
    return 20 * [...this.texts.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

export class FakeModel implements Model {
  readonly info: ModelInfo;
  tokensPerSecond = Number.POSITIVE_INFINITY;
  /** What each generation may recall from. */
  readonly recalls: RecallOptions[] = [];
  /** The hypotheses of each generation. */
  readonly beams: number[] = [];
  /** The time that each of them has. */
  readonly mostMs: number[] = [];
  /** Counts of tokens of each advance. */
  readonly advanced: number[] = [];
  readonly states: FakeState[] = [];
  /** Awaited before each job ends; a test holds it back to look at what happens meanwhile. */
  gate: Promise<void> = Promise.resolve();
  /** What follows a text; the text is that after the last <|fim_middle|>. */
  script: (text: string) => string = () => "";
  logProb = -0.01;
  /** What else a beam finds; each ends with the text. */
  others: readonly string[] = [];
  readonly #tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer, device = "cpu") {
    this.#tokenizer = tokenizer;
    this.info = {
      family: "stateline",
      layerKinds: { recurrent: 1, attention: 1 },
      vocabSize: tokenizer.vocabSize,
      hiddenSize: 8,
      layers: 1,
      heads: 8,
      parameters: 1_000_000,
      weightBytes: 1_000_000,
      sharesWeights: false,
      quantization: "f32",
      hash: "fake",
      defaultHybridRatio: 0.75,
      attentionWindow: 2048,
      threads: 1,
      cpuLevel: "none",
      device,
    };
  }

  get #middle(): number {
    return this.#tokenizer.special.fim!.middle;
  }

  get #end(): number {
    return this.#tokenizer.special.endOfText!;
  }

  get living(): number {
    return this.states.filter((state) => !state.disposed).length;
  }

  get heldBytes(): number {
    return 1024 * this.living;
  }

  initialState(stateHeads: number): State {
    return this.#create([], stateHeads);
  }

  async advance(from: State, tokens: Int32Array, options: AdvanceOptions): Promise<State[]> {
    const state = this.#take(from);
    throwIfCancelled(options.signal);
    await this.#wait(options.signal);
    this.advanced.push(tokens.length);
    return (options.checkpoints ?? [tokens.length]).map((count) =>
      this.#create([...state.tokens, ...tokens.slice(0, count)], state.stateHeads),
    );
  }

  async score(from: State, tokens: Int32Array): Promise<{ logProbs: Float32Array; state: State }> {
    const state = this.#take(from);
    return {
      logProbs: new Float32Array(tokens.length).fill(this.logProb),
      state: this.#create([...state.tokens, ...tokens], state.stateHeads),
    };
  }

  async generate(from: State, options: GenerateOptions): Promise<Generated> {
    const state = this.#take(from);
    if (options.recall) this.recalls.push(options.recall);
    this.beams.push(options.beam ?? 1);
    this.mostMs.push(options.mostMs ?? Number.POSITIVE_INFINITY);
    await this.#wait(options.signal);
    const written = state.tokens.slice(state.tokens.lastIndexOf(this.#middle) + 1);
    const future = this.#tokenizer.encode(this.script(this.#tokenizer.decode(written)));
    const allowed = options.firstTokens;
    if (allowed && !allowed.includes(future[0] ?? -1)) future.splice(0, future.length, allowed[0] ?? 0);
    future.push(this.#end);
    const stop = future.findIndex((token) => options.stopTokens.includes(token));
    const unlikely = 1 + Math.floor((options.leastLogProb ?? -Infinity) / this.logProb);
    const end = Math.min(stop + 1, options.maxTokens, unlikely);
    const tokens = Int32Array.from(future.slice(0, end));
    const reason = end === stop + 1 ? "stop" : end === unlikely ? "unlikely" : "length";
    const kept = reason === "length" ? tokens : tokens.slice(0, -1);
    return {
      tokens,
      logProbs: new Float32Array(tokens.length).fill(this.logProb),
      state: this.#create([...state.tokens, ...kept], state.stateHeads),
      reason,
      alternatives: (options.beam ?? 1) > 1 ? this.others.map((text) => this.#ended(text)) : [],
    };
  }

  #ended(text: string): GeneratedText {
    const tokens = Int32Array.from([...this.#tokenizer.encode(text), this.#end]);
    return { tokens, logProbs: new Float32Array(tokens.length).fill(this.logProb), reason: "stop" };
  }

  createRecall(_capacityTokens?: number, kinds?: Uint8Array): Recall {
    return new FakeRecall(kinds);
  }

  async logProbs(states: readonly State[]): Promise<Float32Array[]> {
    return states.map((state) => this.#logProbs(this.#take(state)));
  }

  #logProbs({ tokens }: FakeState): Float32Array {
    const written = tokens.slice(tokens.lastIndexOf(this.#middle) + 1);
    const [next] = this.#tokenizer.encode(this.script(this.#tokenizer.decode(written)));
    const logProbs = new Float32Array(this.info.vocabSize).fill(-20);
    logProbs[next ?? this.#end] = 0;
    return logProbs;
  }

  async serialize(from: State): Promise<Uint8Array> {
    const { tokens, stateHeads } = this.#take(from);
    return Buffer.from(JSON.stringify({ tokens, stateHeads }));
  }

  async restore(bytes: Uint8Array): Promise<State> {
    const { tokens, stateHeads } = JSON.parse(Buffer.from(bytes).toString());
    return this.#create(tokens, stateHeads);
  }

  dispose(): void {}

  #create(tokens: readonly number[], stateHeads: number): FakeState {
    const state = new FakeState(tokens, stateHeads);
    this.states.push(state);
    return state;
  }

  #take(state: State): FakeState {
    if (!(state instanceof FakeState) || state.disposed) throw new Error("The state is disposed of.");
    return state;
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    await this.gate;
    if (signal?.aborted) throw new Cancelled();
  }
}

export function fakeEngine(model: Model): Engine {
  return { loadModel: async () => model };
}

export const silentLog = { debug: () => undefined, info: () => undefined, warn: () => undefined };
