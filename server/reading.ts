/** A model with what it has read of the repository: what answers, whole. */
import { basename } from "node:path";
import type { Settings } from "../protocol/settings.ts";
import { LocalWriter } from "./completion/localWriter.ts";
import { attentionBytesPerToken } from "./engine/attentionCost.ts";
import type { Model } from "./engine/engine.ts";
import { gaugeReading } from "./engine/readingSpeed.ts";
import { loadTokenizer, type Tokenizer } from "./engine/tokenizer.ts";
import type { Log } from "./log.ts";
import { EMBEDDED, type ModelPlace } from "./modelPlace.ts";
import type { FilePolicy } from "./repository/filePolicy.ts";
import type { LiveDocument } from "./repository/liveTexts.ts";
import { type MemorySettings, RepositoryMemory } from "./repository/memory.ts";
import { affordableWindow } from "./repository/memoryLimit.ts";
import type { StateStore } from "./repository/stateStore.ts";

/** Long enough that a person who types with automatic saving is not read again at each pause. */
const SETTLE_MS = 4000;
const MOST_WAIT_MS = 8000;
const SAVE_MS = 15_000;

export interface Reading {
  readonly place: ModelPlace;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly memory: RepositoryMemory;
  readonly writer: LocalWriter;
  /** Of the cache where all heads attend. */
  readonly bytesPerToken: number;
}

/** What settings of the memory depend on. */
export type Sized = Pick<Reading, "model" | "bytesPerToken">;

export interface ReadingOptions {
  readonly settingsFor: (sized: Sized) => MemorySettings;
  /** Where its states are kept; by default nowhere. */
  readonly store?: StateStore | undefined;
  /** What is open, asked last: until then documents come and go. */
  readonly documents: () => readonly LiveDocument[];
  readonly log: Log;
  readonly onProgress: () => void;
  readonly onSpeed?: ((tokensPerSecond: number) => void) | undefined;
}

/** Nothing is read yet. Takes the model, also where it rejects. */
export async function createReading(
  model: Model,
  place: ModelPlace,
  options: ReadingOptions,
): Promise<Reading> {
  const { settingsFor, store, documents, log, onProgress, onSpeed } = options;
  try {
    const tokenizer = await loadTokenizer(place.path, model.info.vocabSize);
    const bytesPerToken = await attentionBytesPerToken(model);
    const settings = settingsFor({ model, bytesPerToken });
    // With a state from disk it would read nothing before it is asked.
    if (place.path !== EMBEDDED.path)
      await gaugeReading(model, model.initialState(settings.stateHeads, settings.attentionWindow));
    const pauses = { settleMs: SETTLE_MS, mostWaitMs: MOST_WAIT_MS, saveMs: SAVE_MS };
    const memory = new RepositoryMemory(
      { model, tokenizer, store, log, onProgress, onSpeed: (speed) => onSpeed?.(speed), ...pauses },
      settings,
    );
    const writer = new LocalWriter({
      model,
      tokenizer,
      root: () => memory,
      recallAt: (uri, lineStart, isBegun) => memory.live.recallAt(uri, lineStart, isBegun),
      passages: () => memory.passages,
    });
    for (const document of documents()) memory.live.set(document);
    return { place, model, tokenizer, memory, writer, bytesPerToken };
  } catch (cause) {
    model.dispose();
    throw cause;
  }
}

export function disposeReading({ writer, memory, model }: Reading): void {
  writer.dispose();
  memory.dispose();
  model.dispose();
}

/** As a person asks for it, as far as memory goes. */
export function memorySettingsFor(
  { model: { info }, bytesPerToken }: Sized,
  { hybridRatio, attentionWindow: asked }: Settings,
  policy: FilePolicy,
): MemorySettings {
  const stateHeads = Math.round((hybridRatio ?? info.defaultHybridRatio) * info.heads);
  const wanted = { stateHeads, attentionWindow: asked ?? info.attentionWindow };
  return { policy, stateHeads, attentionWindow: affordableWindow(wanted, info.heads, bytesPerToken) };
}

/** For a person. */
export function modelName({
  model: { info },
  place: { path, name = basename(path, ".gguf") },
}: Pick<Reading, "model" | "place">): string {
  return `${name} ${(info.parameters / 1e6).toFixed(1)}M ${info.quantization}`;
}
