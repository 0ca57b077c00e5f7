/** The tokenizer that a GGUF file has among its metadata, as the tokenizer.json that would say the same. */
import { resolve } from "node:path";
import { preTokenizerOf } from "./preTokenizers.ts";
import type { KnownIds } from "./specialTokens.ts";
import type { AddedToken, TokenizerParts } from "./tokenizerFile.ts";

type Metadata = Readonly<Record<string, unknown>>;

/** Kinds of tokens, by GGUF's numbers; the others are no text: unknown, unused. */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const BYTE = 6;

/** Keys for a role's id, the newest first; most files leave the roles to the spelling. */
const ROLE_KEYS = {
  fimPrefix: ["fim_pre_token_id", "prefix_token_id"],
  fimSuffix: ["fim_suf_token_id", "suffix_token_id"],
  fimMiddle: ["fim_mid_token_id", "middle_token_id"],
  repoName: ["fim_rep_token_id"],
  fileSep: ["fim_sep_token_id"],
} as const satisfies Partial<Record<keyof KnownIds, readonly string[]>>;

/** Reads the file's beginning alone. */
export async function readGgufTokenizer(path: string): Promise<TokenizerParts> {
  // Only such models pay for the reader. An absolute path is never taken for an address on a network.
  const { gguf } = await import("@huggingface/gguf");
  const { metadata } = await gguf(resolve(path), { allowLocalFile: true });
  return ggufTokenizer({ ...metadata });
}

/** Throws where the metadata is not that of a byte-level BPE. */
export function ggufTokenizer(metadata: Metadata): TokenizerParts {
  const model = metadata["tokenizer.ggml.model"];
  if (model !== "gpt2")
    throw new Error(`its tokenizer is ${JSON.stringify(model)}, not a byte-level BPE ("gpt2").`);
  const { preTokenizer, wholeWords, hasBeginning } = preTokenizerOf(
    String(metadata["tokenizer.ggml.pre"] ?? "default"),
  );
  const tokens = texts(metadata, "tokenizer.ggml.tokens");
  const kinds = kindsOf(metadata, tokens.length);
  // Object.fromEntries makes a property of any name, even of __proto__.
  const vocab = Object.fromEntries(
    tokens
      .map((token, id) => [token, id] as const)
      .filter(([, id]) => kinds[id] === NORMAL || kinds[id] === BYTE),
  );
  const added: AddedToken[] = tokens
    .map((content, id) => ({ id, content }))
    .filter(({ id }) => kinds[id] === CONTROL || kinds[id] === USER_DEFINED);
  const merges = texts(metadata, "tokenizer.ggml.merges");
  const file = {
    added_tokens: added,
    pre_tokenizer: preTokenizer,
    model: { type: "BPE", vocab, merges, ignore_merges: wholeWords },
  };
  return { file, known: knownIds(metadata, added), beginning: beginningOf(metadata, added, hasBeginning) };
}

/** Where the file does not say whether texts begin with a token, the way of cutting them does. */
function beginningOf(
  metadata: Metadata,
  added: readonly AddedToken[],
  byDefault: boolean,
): number | undefined {
  const key = "tokenizer.ggml.bos_token_id";
  if (!(metadata["tokenizer.ggml.add_bos_token"] ?? byDefault) || metadata[key] === undefined)
    return undefined;
  return specialId(metadata, key, added);
}

function specialId(metadata: Metadata, key: string, added: readonly AddedToken[]): number {
  const token = added.find(({ id }) => id === metadata[key]);
  if (!token) throw new Error(`its ${key} is not one of the special tokens.`);
  return token.id;
}

function texts(metadata: Metadata, key: string): readonly string[] {
  const list = metadata[key];
  if (!Array.isArray(list) || !list.every((item) => typeof item === "string")) {
    throw new Error(`its ${key} is not a list of texts.`);
  }
  return list;
}

function kindsOf(metadata: Metadata, count: number): readonly unknown[] {
  const kinds = metadata["tokenizer.ggml.token_type"];
  if (!Array.isArray(kinds) || kinds.length !== count) {
    throw new Error("its tokenizer.ggml.token_type does not say what each token is.");
  }
  return kinds;
}

function knownIds(metadata: Metadata, added: readonly AddedToken[]): KnownIds {
  const roles = Object.entries(ROLE_KEYS).flatMap(([role, names]) => {
    const key = names.map((name) => `tokenizer.ggml.${name}`).find((name) => name in metadata);
    return key === undefined ? [] : [[role, specialId(metadata, key, added)] as const];
  });
  return Object.fromEntries(roles);
}
