/** When the state is saved, and which saved one fits: under one key the folders, what may be read of them, a model and a shape. */
import { createHash } from "node:crypto";
import type { Model, State } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { type Log, reasonOf } from "../log.ts";
import type { FilePolicy } from "./filePolicy.ts";
import type { ReadSettings } from "./reading.ts";
import type { StateStore, StoredReading } from "./stateStore.ts";

/** A key is three hashes, in hexadecimal digits: of folders, of policy, of the rest. Shorter keys did not tell the policy. */
const HASH_LENGTH = 16;
const KEY_LENGTH = 3 * HASH_LENGTH;

export interface PersistenceContext {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** undefined: nothing is kept on disk. */
  readonly store: StateStore | undefined;
  readonly log: Log;
  /** A change is saved after so long, with all that came meanwhile. */
  readonly saveMs: number;
  /** What would be saved now; undefined: nothing. The state is valid until the next turn of the event loop. */
  readonly snapshot: () => Snapshot | undefined;
}

export interface Snapshot {
  readonly settings: ReadSettings;
  readonly state: State;
  readonly reading: StoredReading;
}

export class Persistence {
  readonly #context: PersistenceContext;
  #timer: NodeJS.Timeout | undefined;
  /** Saves one after the other. */
  #saving: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(context: PersistenceContext) {
    this.#context = context;
  }

  /** The saved state for these settings; whoever calls disposes of it. */
  async load(settings: ReadSettings): Promise<{ reading: StoredReading; state: State } | undefined> {
    const { store, model, log } = this.#context;
    if (!store || settings.policy.folders.length === 0) return undefined;
    const key = this.#keyOf(settings);
    const stored = await store.load(key);
    if (!stored) return undefined;
    try {
      const { reading } = stored;
      const state = await model.restore(stored.bytes);
      const misfit = misfitOf(reading, state, settings);
      if (misfit === undefined) return { reading, state };
      state.dispose();
      throw new Error(misfit);
    } catch (cause) {
      log.warn(`The saved repository state is not used: ${reasonOf(cause)}`);
      await store.remove((other) => other === key);
      return undefined;
    }
  }

  /** Removes what was saved of these folders under other policies, as soon as it is saved: it may hold what this one forbids. */
  async keepOnly(settings: ReadSettings): Promise<void> {
    this.#saving = this.#saving.then(() => this.#removeForbidden(settings));
    await this.#saving;
  }

  /** Something changed. */
  saveLater(): void {
    if (this.#disposed || !this.#context.store || this.#timer) return;
    this.#timer = setTimeout(() => this.#save(), this.#context.saveMs);
    this.#timer.unref();
  }

  /** Saves at once what would be saved later; resolves when it is on disk, and what was being saved, too. */
  async flush(): Promise<void> {
    if (this.#timer) this.#save();
    await this.#saving;
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saving = this.#saving.then(() => this.#saveNow());
  }

  async #saveNow(): Promise<void> {
    const { store, model, log, snapshot } = this.#context;
    const taken = this.#disposed ? undefined : snapshot();
    if (!store || !taken) return;
    try {
      const bytes = await model.serialize(taken.state);
      // Forbidden meanwhile.
      if (snapshot()?.settings.policy !== taken.settings.policy) return;
      await store.save(this.#keyOf(taken.settings), taken.reading, bytes);
      // Another server may have saved what was not forbidden there yet.
      await this.#removeForbidden(taken.settings);
    } catch (cause) {
      if (!this.#disposed) log.warn(`The repository state cannot be saved: ${reasonOf(cause)}`);
    }
  }

  async #removeForbidden({ policy }: ReadSettings): Promise<void> {
    const [ofFolders, ofPolicy] = [hashOf(policy.paths), prefixOf(policy)];
    await this.#context.store?.remove(
      (key) => key.length < KEY_LENGTH || (key.startsWith(ofFolders) && !key.startsWith(ofPolicy)),
    );
  }

  #keyOf({ policy, stateHeads, attentionWindow }: ReadSettings): string {
    const { model, tokenizer } = this.#context;
    return prefixOf(policy) + hashOf([model.info.hash, tokenizer.hash, stateHeads, attentionWindow]);
  }
}

function prefixOf(policy: FilePolicy): string {
  return hashOf(policy.paths) + policy.key.slice(0, HASH_LENGTH);
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, HASH_LENGTH);
}

/** Why a state is another one than its description and the settings say. */
function misfitOf(reading: StoredReading, state: State, settings: ReadSettings): string | undefined {
  const { stateHeads, attentionWindow } = settings;
  if (reading.stateHeads !== stateHeads || state.stateHeads !== stateHeads)
    return "it has another hybrid ratio.";
  if (reading.attentionWindow !== attentionWindow) return "it has another attention window.";
  if (state.tokenCount !== reading.tokensRead) return "it has read another number of tokens.";
  return undefined;
}
