/** A tokenizer.json, looked at before anything is built of it. */
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, reasonOf } from "../../protocol/reason.ts";
import type { KnownIds } from "./specialTokens.ts";

/** A tokenizer.json of a 250k-word vocabulary has about 30 MB. */
const MOST_FILE_BYTES = 64 * 2 ** 20;

export interface AddedToken {
  readonly id: number;
  readonly content: string;
}

export interface TokenizerFile {
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer?: { readonly type?: unknown } | null;
  readonly post_processor?: unknown;
}

/** What a tokenizer is made of: the file, and the ids of special tokens that are known otherwise than by their spelling. */
export interface TokenizerParts {
  readonly file: TokenizerFile;
  readonly known: KnownIds;
  /** The token that the model wants before any text. */
  readonly beginning: number | undefined;
}

/** The text of the file; throws with one sentence for a person. */
export async function readTokenizerFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MOST_FILE_BYTES) throw new Error(`it has ${size} bytes, more than ${MOST_FILE_BYTES}`);
    return await readFile(path, "utf8");
  } catch (cause) {
    const missing = hasCode(cause, "ENOENT");
    const reason = missing ? "it does not exist" : reasonOf(cause);
    throw new Error(`${reason}; a model's folder holds config.json, model.safetensors and tokenizer.json.`, {
      cause,
    });
  }
}

/** The tokenizer_config.json in that folder; undefined where there is none. */
export async function readTokenizerConfig(folder: string): Promise<unknown> {
  const path = join(folder, "tokenizer_config.json");
  return existsSync(path) ? JSON.parse(await readTokenizerFile(path)) : undefined;
}

export function parseTokenizerFile(text: string): TokenizerFile {
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
