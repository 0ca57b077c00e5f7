/** States along the tokens of the latest context: a further keystroke, or some deleted ones, advance only what is new. */
import type { Model, State } from "../engine/engine.ts";
import { throwIfCancelled } from "../engine/engine.ts";
import { jobTokens } from "../engine/readingSpeed.ts";

/** Every state of the last tokens is kept, for deleting; before them one in each step, for moving about. */
const DENSE_TOKENS = 16;
const NEAR_TOKENS = 512;
const NEAR_STEP = 32;
/** Also the length of one job, where the model is fast: a request that is cancelled leaves what it has done so far. */
const FAR_STEP = 256;
/** A new repository state is taken up when the context must be read again anyway. */
const CHEAP_TOKENS = 64;

export interface Root {
  /** Of the repository, valid now; the cache begins its jobs at once. */
  readonly state: State;
  readonly generation: number;
}

export class PrefixCache {
  readonly #model: Model;
  /** After `count` tokens of the path. */
  readonly #checkpoints = new Map<number, State>();
  #path: readonly number[] = [];
  #root: Root | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  /** The state belongs to the cache and lives until the next call. Calls must not overlap. */
  async advance(
    root: () => Root,
    tokens: readonly number[],
    signal: AbortSignal,
  ): Promise<{ state: State; tokensAdvanced: number }> {
    const common = commonLength(this.#path, tokens);
    const start = this.#takeRoot(root(), tokens.length, this.#latestCheckpoint(common));
    this.#forgetAfter(start);
    this.#path = tokens.slice(0, start);
    let at = start;
    let state = this.#checkpoints.get(start) ?? root().state;
    while (at < tokens.length) {
      throwIfCancelled(signal);
      const step = jobTokens(this.#model.tokensPerSecond, FAR_STEP);
      const end = Math.min(tokens.length, (Math.floor(at / step) + 1) * step);
      state = await this.#advanceTo(state, tokens, at, end, signal);
      at = end;
    }
    this.#prune(tokens.length);
    return { state, tokensAdvanced: tokens.length - start };
  }

  /** The state after the first `count` tokens of the latest call, where it is kept, as it is for the last of them. */
  stateAfter(count: number): State | undefined {
    return this.#checkpoints.get(count);
  }

  /** After `count - 1`, `count - 2` ... tokens, up to `most` of them, as far as they are kept without a gap. */
  statesBefore(count: number, most: number): State[] {
    const states: State[] = [];
    for (let at = count - 1; at >= count - most; at--) {
      const state = this.#checkpoints.get(at);
      if (!state) break;
      states.push(state);
    }
    return states;
  }

  dispose(): void {
    this.#forgetAfter(-1);
    this.#path = [];
  }

  /** Where to start from: 0 when the repository's new state is taken up. */
  #takeRoot(root: Root, length: number, checkpoint: number): number {
    const same = this.#root?.state === root.state;
    const cheap = checkpoint > 0 && length - checkpoint <= CHEAP_TOKENS;
    const continues = this.#root?.generation === root.generation;
    if (same || (continues && cheap)) return checkpoint;
    this.#root = root;
    return 0;
  }

  #latestCheckpoint(atMost: number): number {
    let latest = 0;
    for (const count of this.#checkpoints.keys()) if (count <= atMost && count > latest) latest = count;
    return latest;
  }

  async #advanceTo(
    from: State,
    tokens: readonly number[],
    start: number,
    end: number,
    signal: AbortSignal,
  ): Promise<State> {
    const counts: number[] = [];
    for (let count = start + 1; count < end; count++) if (isKept(count, tokens.length)) counts.push(count);
    counts.push(end);
    const states = await this.#model.advance(from, Int32Array.from(tokens.slice(start, end)), {
      priority: "completion",
      signal,
      checkpoints: counts.map((count) => count - start),
    });
    for (const [i, count] of counts.entries()) {
      const state = states[i];
      if (state) this.#checkpoints.set(count, state);
    }
    this.#path = tokens.slice(0, end);
    const last = states.at(-1);
    if (!last) throw new Error("The engine gave no state for the context.");
    return last;
  }

  #forgetAfter(count: number): void {
    for (const [at, state] of this.#checkpoints) {
      if (at <= count && count > 0) continue;
      state.dispose();
      this.#checkpoints.delete(at);
    }
  }

  #prune(length: number): void {
    for (const [count, state] of this.#checkpoints) {
      if (isKept(count, length)) continue;
      state.dispose();
      this.#checkpoints.delete(count);
    }
  }
}

function isKept(count: number, length: number): boolean {
  if (count > length - DENSE_TOKENS || count % FAR_STEP === 0) return true;
  return count % NEAR_STEP === 0 && count > length - NEAR_TOKENS;
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
