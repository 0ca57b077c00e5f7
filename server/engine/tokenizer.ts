/** Text to tokens and back: byte-level BPE in which a document's own text can never become a special token. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as BytePairEncoder } from "@huggingface/tokenizers";
import { hasCode, reasonOf } from "../../protocol/reason.ts";
import { BYTE_CHARACTERS, bytesOfToken } from "./byteAlphabet.ts";
import { concatBytes, decodeWhole } from "./utf8.ts";

/** A tokenizer.json of a 250k-word vocabulary has about 30 MB. */
const MOST_FILE_BYTES = 64 * 2 ** 20;

const SPECIAL_NAMES = {
  endOfText: "<|endoftext|>",
  fimPrefix: "<|fim_prefix|>",
  fimSuffix: "<|fim_suffix|>",
  fimMiddle: "<|fim_middle|>",
  repoName: "<|repo_name|>",
  fileSep: "<|file_sep|>",
} as const;

export type SpecialTokens = Readonly<Record<keyof typeof SPECIAL_NAMES, number>>;

/** The tokenizer.json cannot be used; the message is one sentence for a person. */
export class TokenizerError extends Error {
  override name = "TokenizerError";
}

interface TokenizerFile {
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
}

export class Tokenizer {
  readonly special: SpecialTokens;
  readonly vocabSize: number;
  /** Of the tokenizer.json, hex. */
  readonly hash: string;
  /** Ids at which a line or the text ends: every token with a line feed in it, and every special token. */
  readonly lineEnds: Int32Array;
  readonly #encoder: BytePairEncoder;
  /** By id; special tokens have no bytes. */
  readonly #bytes: readonly Uint8Array[];
  /** Ids with bytes, in the order of these bytes, for the search by beginning. */
  readonly #sorted: readonly { readonly key: string; readonly id: number }[];

  constructor(encoder: BytePairEncoder, bytes: readonly Uint8Array[], special: SpecialTokens, hash: string) {
    this.#encoder = encoder;
    this.#bytes = bytes;
    this.special = special;
    this.hash = hash;
    this.vocabSize = bytes.length;
    this.#sorted = bytes
      .map((token, id) => ({ key: latin1(token), id }))
      .filter(({ key }) => key !== "")
      .sort((a, b) => (a.key < b.key ? -1 : 1));
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

  /** Every token whose bytes begin with these. */
  tokensBeginningWith(bytes: Uint8Array): Int32Array {
    const beginning = latin1(bytes);
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle]?.key ?? "") < beginning) low = middle + 1;
      else high = middle;
    }
    const ids: number[] = [];
    for (let i = low; this.#sorted[i]?.key.startsWith(beginning); i++) ids.push(this.#sorted[i]?.id ?? 0);
    return Int32Array.from(ids);
  }
}

const NO_BYTES = new Uint8Array(0);
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

export async function loadTokenizer(directory: string, vocabSize: number): Promise<Tokenizer> {
  const path = join(directory, "tokenizer.json");
  return parseTokenizer(await readTokenizerFile(path), vocabSize, path);
}

/** `text` is that of the tokenizer.json at `path`; throws TokenizerError. */
export function parseTokenizer(text: string, vocabSize: number, path: string): Tokenizer {
  try {
    return buildTokenizer(parseTokenizerFile(text), vocabSize, text);
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new TokenizerError(`The tokenizer at ${path} cannot be used: ${reason}`, { cause });
  }
}

async function readTokenizerFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MOST_FILE_BYTES) throw new Error(`it has ${size} bytes, more than ${MOST_FILE_BYTES}`);
    return await readFile(path, "utf8");
  } catch (cause) {
    const missing = hasCode(cause, "ENOENT");
    const reason = missing ? "it does not exist" : reasonOf(cause);
    throw new TokenizerError(
      `The tokenizer at ${path} cannot be read: ${reason}; a model's folder holds config.json, model.safetensors and tokenizer.json.`,
      { cause },
    );
  }
}

function parseTokenizerFile(text: string): TokenizerFile {
  const file = JSON.parse(text) as Partial<Record<string, unknown>> | null;
  const model = file?.model as Partial<Record<string, unknown>> | null | undefined;
  if (typeof model !== "object" || model === null || (model.type ?? "BPE") !== "BPE") {
    throw new Error("it is not a BPE tokenizer.");
  }
  const vocab = model.vocab;
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab)) {
    throw new Error("its vocabulary is not a table of tokens and ids.");
  }
  if (!Array.isArray(model.merges)) throw new Error("its merges are not a list.");
  const added = file?.added_tokens;
  const wellFormed =
    Array.isArray(added) &&
    added.every(
      (token) =>
        typeof token === "object" &&
        token !== null &&
        Number.isInteger(token.id) &&
        typeof token.content === "string",
    );
  if (!wellFormed) throw new Error("its added tokens are not a list of ids and contents.");
  return file as unknown as TokenizerFile;
}

function buildTokenizer(file: TokenizerFile, vocabSize: number, text: string): Tokenizer {
  const special = findSpecialTokens(file);
  const bytes = tableOfBytes(file, vocabSize);
  for (const character of BYTE_CHARACTERS) {
    if (!Object.hasOwn(file.model.vocab, character)) {
      throw new Error("its vocabulary lacks some single bytes, so that not every text could be written.");
    }
  }
  // Without added tokens the encoder takes "<|fim_middle|>" in a document for the plain characters that it is.
  const plain = { decoder: null, normalizer: null, ...file, added_tokens: [], post_processor: null };
  const tokenizer = new Tokenizer(new BytePairEncoder(plain, {}), bytes, special, sha256(text));
  verify(tokenizer, file);
  return tokenizer;
}

function findSpecialTokens(file: TokenizerFile): SpecialTokens {
  const ids = Object.entries(SPECIAL_NAMES).map(([name, content]) => {
    const found = file.added_tokens.find((token) => token.content === content);
    if (!found) throw new Error(`it has no special token ${content}.`);
    return [name, found.id];
  });
  return Object.fromEntries(ids) as SpecialTokens;
}

function tableOfBytes(file: TokenizerFile, vocabSize: number): Uint8Array[] {
  const table = new Array<Uint8Array>(vocabSize).fill(NO_BYTES);
  const specialIds = new Set(file.added_tokens.map((token) => token.id));
  for (const [token, id] of Object.entries(file.model.vocab)) {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new Error(
        `its token ${JSON.stringify(token)} has id ${id}, but the model has ${vocabSize} tokens.`,
      );
    }
    if (!specialIds.has(id)) table[id] = bytesOfToken(token) ?? NO_BYTES;
  }
  for (const id of specialIds) {
    if (id < 0 || id >= vocabSize) {
      throw new Error(`its special token ${id} is outside the model's ${vocabSize} tokens.`);
    }
  }
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
