/** What every part of the evaluation is told, and how it comes by its repositories and its model. */
import type { Model } from "../../../server/engine/engine.ts";
import { loadNativeEngine } from "../../../server/engine/native.ts";
import { chooseThreads } from "../../../server/engine/threads.ts";
import { loadTokenizer, type Tokenizer } from "../../../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../../server/installation.ts";
import { type CorpusRepository, heldOutRepositories } from "../corpus.ts";
import type { Speed } from "../replay/pauses.ts";
import type { Split } from "../replay/sources.ts";

/** Of replayed edits alone. */
export interface ReplayOptions {
  /** What answers: the server, or baselines by their names. */
  readonly by: readonly string[];
  readonly split: Split;
  /** Of each repository: so many a person would press without any help. */
  readonly keys: number;
  readonly seed: number;
  readonly speed: Speed;
  /** At human speed: a second after the last key, as with automatic saving; else when a file is finished. */
  readonly savesItself: boolean;
  /** Another bundle than this repository's. */
  readonly server: string | undefined;
  /** The setting; undefined: the default. */
  readonly suggestions: string | undefined;
  /** A file for a line about each text that was shown. */
  readonly log: string | undefined;
}

export interface Options {
  /** undefined: the embedded one. */
  readonly modelPath: string | undefined;
  readonly ratios: readonly number[];
  readonly window: number | undefined;
  readonly filesEach: number;
  readonly placesEach: number;
  readonly contextTokens: number | undefined;
  readonly only: string;
  readonly replay: ReplayOptions;
  readonly say: (text: string) => void;
}

export function chosen({ only }: Options): CorpusRepository[] {
  return heldOutRepositories().filter(({ name }) => name.includes(only));
}

export interface Loaded {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly attentionWindow: number;
}

export async function withModel<Result>(
  options: Pick<Options, "modelPath" | "window">,
  use: (loaded: Loaded) => Promise<Result>,
): Promise<Result> {
  const path = options.modelPath ?? EMBEDDED_MODEL_PATH;
  const model = await loadNativeEngine(ADDON_PATH).loadModel(path, {
    threads: chooseThreads(0),
    rounding: "int8",
  });
  try {
    const tokenizer = await loadTokenizer(path, model.info.vocabSize);
    return await use({ model, tokenizer, attentionWindow: options.window ?? model.info.attentionWindow });
  } finally {
    model.dispose();
  }
}
