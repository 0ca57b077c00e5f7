/** Text to tokens and back: byte-level BPE in which a document's own text can never become a special token. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Tokenizer as BytePairEncoder } from "@huggingface/tokenizers";
import { reasonOf } from "../../protocol/reason.ts";
import { beginOfText } from "./beginOfText.ts";
import { BYTE_CHARACTERS, bytesOfToken } from "./byteAlphabet.ts";
import { readGgufTokenizer } from "./ggufTokenizer.ts";
import { findSpecialTokens, type SpecialTokens } from "./specialTokens.ts";
import {
  type AddedToken,
  parseTokenizerFile,
  readTokenizerConfig,
  readTokenizerFile,
  type TokenizerFile,
  type TokenizerParts,
} from "./tokenizerFile.ts";
import { kindOf, TOKEN_KINDS } from "./tokenKinds.ts";
import { concatBytes, decodeWhole } from "./utf8.ts";

/** The tokenizer.json cannot be used; the message is one sentence for a person. */
export class TokenizerError extends Error {
  override name = "TokenizerError";
}

/** What a word's token begins with beside the word, in vocabularies that cut text so. */
export interface WordHabits {
  /** A mark: "." and "total" are one token. */
  readonly marks: boolean;
  /** The last space or tab of an indentation. */
  readonly indentation: boolean;
}

interface TokenizerMake {
  readonly encoder: BytePairEncoder;
  /** By id; special tokens have none. */
  readonly bytes: readonly Uint8Array[];
  readonly special: SpecialTokens;
  readonly beginning: readonly number[];
  readonly hash: string;
}

export class Tokenizer {
  readonly special: SpecialTokens;
  readonly habits: WordHabits;
  /** What the model wants before any text: nothing, or one token. */
  readonly beginning: readonly number[];
  readonly vocabSize: number;
  /** Of the tokenizer.json, hex. */
  readonly hash: string;
  /** Ids at which a line or the text ends: every token with a line feed in it, and every special token. */
  readonly lineEnds: Int32Array;
  /** By id, numbers of TOKEN_KINDS. */
  readonly kinds: Uint8Array;
  readonly #encoder: BytePairEncoder;
  /** By id; special tokens have no bytes. */
  readonly #bytes: readonly Uint8Array[];
  /** Of tokens with bytes, in the order of these bytes, for the search by beginning. */
  readonly #sortedKeys: readonly string[];
  readonly #sortedIds: Int32Array;

  constructor({ encoder, bytes, special, beginning, hash }: TokenizerMake) {
    this.beginning = beginning;
    this.#encoder = encoder;
    this.#bytes = bytes;
    this.special = special;
    this.hash = hash;
    this.vocabSize = bytes.length;
    this.kinds = Uint8Array.from(bytes, (token) => TOKEN_KINDS.indexOf(kindOf(token)));
    const sorted = bytes
      .map((token, id) => ({ key: latin1(token), id }))
      .filter(({ key }) => key !== "")
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const writes = (text: string, token: RegExp) =>
      this.encode(text).some((id) => token.test(this.decode([id])));
    this.habits = { marks: writes("account.total", /^\.t/), indentation: writes("\n    return", /^ r/) };
    this.#sortedKeys = sorted.map(({ key }) => key);
    this.#sortedIds = Int32Array.from(sorted, ({ id }) => id);
    this.lineEnds = Int32Array.from(bytes.keys()).filter((id) => {
      const token = bytes[id];
      return token === undefined || token.length === 0 || token.includes(0x0a);
    });
  }

  encode(text: string): number[] {
    // An empty text would be taken as "no text" by the encoder.
    return text === "" ? [] : this.#encoder.encode(text, { add_special_tokens: false }).ids;
  }

  /** Empty for special tokens and unknown ids. */
  bytesOf(id: number): Uint8Array {
    return this.#bytes[id] ?? NO_BYTES;
  }

  /** Whole code points only: a half one at the end is left out. */
  decode(ids: Iterable<number>): string {
    return decodeWhole(concatBytes(Array.from(ids, (id) => this.bytesOf(id))));
  }

  /** Every token whose bytes begin with these: of a space, a third of a large vocabulary. Not to be written to. */
  tokensBeginningWith(bytes: Uint8Array): Int32Array {
    const beginning = latin1(bytes);
    const first = this.#firstFrom((key) => key >= beginning);
    const end = this.#firstFrom((key) => key >= beginning && !key.startsWith(beginning));
    return this.#sortedIds.subarray(first, end);
  }

  /** Of the sorted tokens the first of which it is true; it is of all after that one. */
  #firstFrom(isTrue: (key: string) => boolean): number {
    let low = 0;
    let high = this.#sortedKeys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isTrue(this.#sortedKeys[middle] ?? "")) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const NO_BYTES = new Uint8Array(0);
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Of the folder of a model, or of its GGUF file; throws TokenizerError. */
export async function loadTokenizer(modelPath: string, vocabSize: number): Promise<Tokenizer> {
  if (modelPath.endsWith(".gguf")) return await loadGgufTokenizer(modelPath, vocabSize);
  const path = join(modelPath, "tokenizer.json");
  const text = await readTokenizerFile(path).catch(failure(path, "read"));
  const config = await readTokenizerConfig(modelPath).catch(failure(modelPath, "read"));
  return parseTokenizer(text, vocabSize, path, config);
}

/** `text` is that of the tokenizer.json at `path`, `config` what the tokenizer_config.json beside it says; throws TokenizerError. */
export function parseTokenizer(text: string, vocabSize: number, path: string, config?: unknown): Tokenizer {
  try {
    const file = parseTokenizerFile(text);
    return tokenizerOf({ file, known: {}, beginning: beginOfText(file, config) }, vocabSize, text);
  } catch (cause) {
    return failure(path, "used")(cause);
  }
}

async function loadGgufTokenizer(path: string, vocabSize: number): Promise<Tokenizer> {
  try {
    const parts = await readGgufTokenizer(path);
    return tokenizerOf(parts, vocabSize, JSON.stringify(parts.file));
  } catch (cause) {
    return failure(path, "used")(cause);
  }
}

const failure =
  (path: string, done: "read" | "used") =>
  (cause: unknown): never => {
    throw new TokenizerError(`The tokenizer at ${path} cannot be ${done}: ${reasonOf(cause)}`, { cause });
  };

/** `text` is hashed: it tells this tokenizer from all others. */
export function tokenizerOf(
  { file, known, beginning: token }: TokenizerParts,
  vocabSize: number,
  text: string,
): Tokenizer {
  const beginning = token === undefined ? [] : [token];
  const special = findSpecialTokens(file.added_tokens, known);
  const bytes = tableOfBytes(file, vocabSize);
  for (const character of BYTE_CHARACTERS) {
    if (!Object.hasOwn(file.model.vocab, character)) {
      throw new Error("its vocabulary lacks some single bytes, so that not every text could be written.");
    }
  }
  const plain = {
    decoder: null,
    ...file,
    normalizer: normalizerOf(file),
    added_tokens: addedText(file),
    post_processor: null,
  };
  const encoder = new BytePairEncoder(plain, {});
  const hash = sha256(text + beginning.join());
  const tokenizer = new Tokenizer({ encoder, bytes, special, beginning, hash });
  verify(tokenizer, file);
  return tokenizer;
}

/**
 * Added tokens that are nothing but white space, as GPT-NeoX has them for indentation: they are text. Without the others
 * the encoder takes "<|fim_middle|>" in a document for the plain characters that it is.
 */
function addedText(file: TokenizerFile): readonly AddedToken[] {
  return file.added_tokens.filter(({ content }) => /^\s+$/.test(content));
}

/** Composing characters would change a document's text, which must come back as it is; models know both forms. */
function normalizerOf({ normalizer }: TokenizerFile): unknown {
  return normalizer?.type === "NFC" ? null : (normalizer ?? null);
}

function tableOfBytes(file: TokenizerFile, vocabSize: number): Uint8Array[] {
  const table = new Array<Uint8Array>(vocabSize).fill(NO_BYTES);
  for (const [token, id] of Object.entries(file.model.vocab)) {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new Error(
        `its token ${JSON.stringify(token)} has id ${id}, but the model has ${vocabSize} tokens.`,
      );
    }
    table[id] = bytesOfToken(token) ?? NO_BYTES;
  }
  for (const { id } of file.added_tokens) {
    if (id < 0 || id >= vocabSize) {
      throw new Error(`its special token ${id} is outside the model's ${vocabSize} tokens.`);
    }
    table[id] = NO_BYTES;
  }
  for (const { id, content } of addedText(file)) table[id] = Buffer.from(content);
  return table;
}

const PROBE = 'naïve 世界 🙂\tif (x == "y") {\r\n  return 1234;\n}\n';

/** Text must come back unchanged, and special tokens must not come out of text, whatever the file's merges say. */
function verify(tokenizer: Tokenizer, file: TokenizerFile): void {
  if (tokenizer.decode(tokenizer.encode(PROBE)) !== PROBE) {
    throw new Error("text does not come back unchanged from it; it must be a byte-level BPE.");
  }
  for (const { content } of file.added_tokens) {
    if (tokenizer.decode(tokenizer.encode(content)) !== content) {
      throw new Error(`the text ${JSON.stringify(content)} in a document would become a special token.`);
    }
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
