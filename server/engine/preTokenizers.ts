/** How text is cut before byte pairs are merged, by the name that a GGUF file has for it (tokenizer.ggml.pre). */

/** Patterns as in the tokenizer.json of the models that they are from; each cuts what the one before has left. */
interface PreTokenizer {
  readonly patterns: readonly string[];
  /** A piece that is a token of the vocabulary is that token, whatever the merges would make of it. */
  readonly wholeWords?: boolean;
  /** Texts begin with a token of their own, unless the file says that they do not. */
  readonly hasBeginning?: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const END_OF_LINES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Digits in groups of at most as many. */
const cl100k = (digits: string): string =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${END_OF_LINES}`;

const QWEN35 = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${END_OF_LINES}`;

const gpt2: PreTokenizer = { patterns: [GPT2] };
const gpt2SingleDigits: PreTokenizer = { patterns: ["\\p{N}", GPT2] };
const qwen2: PreTokenizer = { patterns: [cl100k("\\p{N}")] };
const qwen35: PreTokenizer = { patterns: [QWEN35] };
const dbrx: PreTokenizer = { patterns: [cl100k("\\p{N}{1,3}")] };
const llama3: PreTokenizer = { ...dbrx, wholeWords: true, hasBeginning: true };
/** What files without a name, or with the name "default", were converted for. */
const anonymous: PreTokenizer = {
  patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"],
};

const BY_NAME: ReadonlyMap<string, PreTokenizer> = new Map([
  ["default", anonymous],
  ...["gpt-2", "phi-2", "mpt", "olmo", "granite-docling", "mellum"].map((name) => [name, gpt2] as const),
  ...["starcoder", "refact", "command-r", "smollm", "codeshell", "mellum2"].map(
    (name) => [name, gpt2SingleDigits] as const,
  ),
  ...["qwen2", "deepseek-r1-qwen", "stablelm2"].map((name) => [name, qwen2] as const),
  ["qwen35", qwen35],
  ...["dbrx", "smaug-bpe"].map((name) => [name, dbrx] as const),
  ...["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "lfm2", "pixtral"].map(
    (name) => [name, llama3] as const,
  ),
]);

/** The parts of a tokenizer.json that follow from the name; throws if it is not known. */
export function preTokenizerOf(name: string): {
  readonly preTokenizer: unknown;
  readonly wholeWords: boolean;
  readonly hasBeginning: boolean;
} {
  const found = BY_NAME.get(name);
  if (!found)
    throw new Error(`it cuts text in a way of its own, ${JSON.stringify(name)}, that is not known here.`);
  const splits = found.patterns.map((pattern) => ({
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  }));
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    preTokenizer: { type: "Sequence", pretokenizers: [...splits, bytes] },
    wholeWords: found.wholeWords ?? false,
    hasBeginning: found.hasBeginning ?? false,
  };
}
