/**
 * Open models that the engine runs and that fit this job, and what they need. Sizes of files, checksums and the licence are
 * asked of the hub before anything is fetched; what stands here is of the models' published configurations, and computed.
 */

export interface CatalogueModel {
  /** As the setting names it, and its folder. */
  readonly name: string;
  readonly title: string;
  /** On the hub. */
  readonly repository: string;
  readonly revision: string;
  /** As its publisher calls it; what the hub says counts. */
  readonly licence: string;
  readonly trainedFor: string;
  /** The order in which it was taught to fill in the middle; null: it only goes on with a text. */
  readonly fillsIn: "prefix, suffix, middle" | null;
  /** Of the text model. */
  readonly parameters: number;
  /** That the files hold besides, and the engine does not read: for images, and for guessing several tokens at once. */
  readonly unreadParameters?: number;
  readonly memory: MemoryShape;
}

/** What one text is remembered in. */
export interface MemoryShape {
  /** Layers with matrices [heads, keys, values], and the channels of the convolution before them. */
  readonly recurrent: {
    readonly layers: number;
    readonly heads: number;
    readonly keys: number;
    readonly values: number;
    readonly channels: number;
  } | null;
  /** Layers with keys and values for each token. */
  readonly attention: { readonly layers: number; readonly heads: number; readonly width: number } | null;
}

export const CATALOGUE: readonly CatalogueModel[] = [
  {
    name: "falcon-h1-tiny-coder-90m",
    title: "Falcon-H1-Tiny-Coder 90M",
    repository: "tiiuae/Falcon-H1-Tiny-Coder-90M",
    revision: "main",
    licence: "Falcon-LLM licence",
    trainedFor: "Python, filling in and going on",
    fillsIn: "prefix, suffix, middle",
    parameters: 91_100_000,
    memory: {
      recurrent: { layers: 24, heads: 24, keys: 64, values: 32, channels: 896 },
      attention: { layers: 24, heads: 2, width: 64 },
    },
  },
  {
    name: "granite-4.0-h-350m",
    title: "Granite 4.0 H 350M",
    repository: "ibm-granite/granite-4.0-h-350m-base",
    revision: "main",
    licence: "Apache-2.0",
    trainedFor: "text and code, filling in",
    fillsIn: "prefix, suffix, middle",
    parameters: 340_300_000,
    memory: {
      recurrent: { layers: 28, heads: 48, keys: 128, values: 32, channels: 1792 },
      attention: { layers: 4, heads: 4, width: 64 },
    },
  },
  {
    name: "qwen2.5-coder-0.5b",
    title: "Qwen2.5-Coder 0.5B",
    repository: "Qwen/Qwen2.5-Coder-0.5B",
    revision: "main",
    licence: "Apache-2.0",
    trainedFor: "code, filling in; attention alone",
    fillsIn: "prefix, suffix, middle",
    parameters: 494_000_000,
    memory: { recurrent: null, attention: { layers: 24, heads: 2, width: 64 } },
  },
  {
    name: "qwen3.5-0.8b",
    title: "Qwen3.5 0.8B Base",
    repository: "Qwen/Qwen3.5-0.8B-Base",
    revision: "main",
    licence: "Apache-2.0",
    trainedFor: "text and code, filling in",
    fillsIn: "prefix, suffix, middle",
    parameters: 752_393_000,
    unreadParameters: 121_046_000,
    memory: {
      recurrent: { layers: 18, heads: 16, keys: 128, values: 128, channels: 6144 },
      attention: { layers: 6, heads: 2, width: 256 },
    },
  },
  {
    name: "granite-4.0-h-1b",
    title: "Granite 4.0 H 1B",
    repository: "ibm-granite/granite-4.0-h-1b-base",
    revision: "main",
    licence: "Apache-2.0",
    trainedFor: "text and code, filling in",
    fillsIn: "prefix, suffix, middle",
    parameters: 1_461_000_000,
    memory: {
      recurrent: { layers: 36, heads: 48, keys: 128, values: 64, channels: 3328 },
      attention: { layers: 4, heads: 4, width: 128 },
    },
  },
  {
    name: "qwen2.5-coder-1.5b",
    title: "Qwen2.5-Coder 1.5B",
    repository: "Qwen/Qwen2.5-Coder-1.5B",
    revision: "main",
    licence: "Apache-2.0",
    trainedFor: "code, filling in; attention alone",
    fillsIn: "prefix, suffix, middle",
    parameters: 1_543_714_000,
    memory: { recurrent: null, attention: { layers: 28, heads: 2, width: 128 } },
  },
  {
    name: "qwen3.5-2b",
    title: "Qwen3.5 2B Base",
    repository: "Qwen/Qwen3.5-2B-Base",
    revision: "main",
    licence: "Apache-2.0",
    trainedFor: "text and code, filling in",
    fillsIn: "prefix, suffix, middle",
    parameters: 1_881_825_000,
    unreadParameters: 392_245_000,
    memory: {
      recurrent: { layers: 18, heads: 16, keys: 128, values: 128, channels: 6144 },
      attention: { layers: 6, heads: 2, width: 256 },
    },
  },
];

export function catalogueModel(name: string): CatalogueModel | undefined {
  return CATALOGUE.find((model) => model.name === name);
}

/** In a model's folder until all of its files are there. */
export const UNFINISHED_FETCH = "fetching.json";

export const WEIGHTS = "model.safetensors";
/** Says which part holds each tensor. */
export const WEIGHTS_INDEX = "model.safetensors.index.json";
const READ: ReadonlySet<string> = new Set([
  ...["config.json", "tokenizer.json", "tokenizer_config.json"],
  ...[WEIGHTS, WEIGHTS_INDEX],
]);

/** "model-00001-of-00002.safetensors", or as Qwen3.5's repositories have it "model.safetensors-00001-of-00001.safetensors". */
export function isPartOfWeights(path: string): boolean {
  return /^model(\.safetensors)?-\d{5}-of-\d{5}\.safetensors$/.test(path);
}

/** What of a repository is fetched: the engine reads nothing else. */
export function isFetched(path: string): boolean {
  return READ.has(path) || isPartOfWeights(path);
}

/** About what the files have: two bytes a weight. */
export function bytesToFetch({ parameters, unreadParameters = 0 }: CatalogueModel): number {
  return 2 * (parameters + unreadParameters);
}

/** As they are held: in blocks of 32 weights of 8 bits with a scale of 16. */
export function weightBytes({ parameters }: Pick<CatalogueModel, "parameters">): number {
  return (parameters * 34) / 32;
}

const FLOAT = 4;
/** The convolution's inputs of so many tokens are kept. */
const CONVOLVED = 3;

/** Of one text so long. */
export function textBytes({ recurrent, attention }: MemoryShape, tokens: number): number {
  const state = recurrent
    ? recurrent.layers *
      (recurrent.heads * recurrent.keys * recurrent.values + CONVOLVED * recurrent.channels) *
      FLOAT
    : 0;
  const cache = attention ? attention.layers * attention.heads * attention.width * 2 * FLOAT * tokens : 0;
  return state + cache;
}

export function memoryBytes(model: CatalogueModel, tokens: number): number {
  return weightBytes(model) + textBytes(model.memory, tokens);
}
