/** A small byte-level BPE as tokenizer.json: every byte, the special tokens, and merges for some words. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BYTE_CHARACTERS } from "../../../server/engine/byteAlphabet.ts";
import { loadTokenizer, type Tokenizer } from "../../../server/engine/tokenizer.ts";

const SPECIAL = [
  "endoftext",
  "fim_prefix",
  "fim_suffix",
  "fim_middle",
  "repo_name",
  "file_sep",
  "fim_pad",
  "reserved_0",
];
const WORDS = ["return", "Ġreturn", "returned", "Ġvalue", "const", "function", "ĠĠĠĠ", "ĊĠĠĠĠ", ");", "()"];

export interface TokenizerFile {
  added_tokens: { id: number; content: string; special: boolean }[];
  pre_tokenizer: unknown;
  model: { type: string; vocab: Record<string, number>; merges: string[] };
}

export function tokenizerFile(): TokenizerFile {
  const vocab: Record<string, number> = {};
  const merges: string[] = [];
  const add = (token: string) => {
    vocab[token] ??= Object.keys(vocab).length;
  };
  const added_tokens = SPECIAL.map((name, id) => ({ id, content: `<|${name}|>`, special: true }));
  for (const { content } of added_tokens) add(content);
  for (const character of BYTE_CHARACTERS) add(character);
  for (const word of WORDS) {
    for (let end = 2; end <= word.length; end++) {
      const merge = `${word.slice(0, end - 1)} ${word[end - 1]}`;
      if (!merges.includes(merge)) merges.push(merge);
      add(word.slice(0, end));
    }
  }
  // A word whose beginning is written in other tokens than its whole: "comput" is "com", "put".
  for (const merge of ["c o", "co m", "p u", "pu t", "put e", "com pute"]) {
    merges.push(merge);
    add(merge.replace(" ", ""));
  }
  const split = {
    type: "Split",
    pattern: { Regex: " ?[\\p{L}_]+|\\n[ \\t]*|[ \\t\\r]+|[^\\s\\p{L}_]{1,8}" },
    behavior: "Isolated",
    invert: false,
  };
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const pre_tokenizer = { type: "Sequence", pretokenizers: [split, bytes] };
  return { added_tokens, pre_tokenizer, model: { type: "BPE", vocab, merges } };
}

export function vocabSizeOf(file: TokenizerFile): number {
  return Object.keys(file.model.vocab).length;
}

/** Loads what a folder with this tokenizer.json would give. */
export async function loadFrom(content: string, vocabSize: number): Promise<Tokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "stateline-tokenizer-"));
  try {
    writeFileSync(join(folder, "tokenizer.json"), content);
    return await loadTokenizer(folder, vocabSize);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function fakeTokenizer(): Promise<Tokenizer> {
  const file = tokenizerFile();
  return await loadFrom(JSON.stringify(file), vocabSizeOf(file));
}
