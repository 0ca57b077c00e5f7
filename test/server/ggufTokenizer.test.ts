import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gguf } from "@huggingface/gguf";
import { ggufTokenizer } from "../../server/engine/ggufTokenizer.ts";
import type { SpecialTokens } from "../../server/engine/specialTokens.ts";
import { loadTokenizer, type Tokenizer, tokenizerOf } from "../../server/engine/tokenizer.ts";

/** Qwen2.5-Coder's first 1500 merges, and what llama.cpp makes of texts with it: model/golden_tokenizer.py. */
const golden = new URL("../golden/tokenizer/", import.meta.url);
const path = fileURLToPath(new URL("vocabulary.gguf", golden));
const { texts, ids }: { texts: string[]; ids: Record<string, number[][]> } = JSON.parse(
  readFileSync(new URL("ids.json", golden), "utf8"),
);
const metadata: Record<string, unknown> = { ...(await gguf(path, { allowLocalFile: true })).metadata };
const tokens = metadata["tokenizer.ggml.tokens"] as string[];
const kinds = metadata["tokenizer.ggml.token_type"] as number[];

/** Of the golden's metadata, changed. */
function tokenizerFrom(changes: Record<string, unknown>): Tokenizer {
  return tokenizerOf(ggufTokenizer({ ...metadata, ...changes }), tokens.length, "");
}

/** With one token spelled otherwise. */
function renamed(from: string, to: string): string[] {
  return tokens.map((token) => (token === from ? to : token));
}

for (const [pre, lists] of Object.entries(ids)) {
  test(`text that is cut as ${pre} becomes the same tokens as in llama.cpp`, () => {
    const tokenizer = tokenizerFrom({ "tokenizer.ggml.pre": pre });
    for (const [i, text] of texts.entries()) {
      assert.deepEqual(tokenizer.encode(text), lists[i], JSON.stringify(text));
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
    }
  });
}

test("a GGUF file's tokenizer is loaded from its path, its special tokens by their spelling", async () => {
  const tokenizer = await loadTokenizer(path, tokens.length);
  assert.deepEqual(tokenizer.encode(texts[0]!), ids.qwen2![0]);
  assert.deepEqual(tokenizer.special, {
    endOfText: tokens.indexOf("<|endoftext|>"),
    fim: {
      prefix: tokens.indexOf("<|fim_prefix|>"),
      suffix: tokens.indexOf("<|fim_suffix|>"),
      middle: tokens.indexOf("<|fim_middle|>"),
    },
    repoName: tokens.indexOf("<|repo_name|>"),
    fileSep: tokens.indexOf("<|file_sep|>"),
  });
  assert.match(tokenizer.hash, /^[0-9a-f]{64}$/);
});

test("a file with more tokens than the model, or of nothing, is refused by a sentence with its path", async () => {
  for (const file of [path, "/nowhere/model.gguf"]) {
    await assert.rejects(loadTokenizer(file, 100), (error: Error) => {
      assert.equal(error.name, "TokenizerError");
      assert.match(error.message, /\.gguf cannot be used: [^\n]+$/);
      return true;
    });
  }
});

test("an id that the file names counts for more than a spelling", () => {
  const pad = tokens.indexOf("<|fim_pad|>");
  assert.equal(tokenizerFrom({ "tokenizer.ggml.fim_mid_token_id": pad }).special.fim?.middle, pad);
  assert.equal(tokenizerFrom({ "tokenizer.ggml.middle_token_id": pad }).special.fim?.middle, pad);
  assert.throws(() => tokenizerFrom({ "tokenizer.ggml.fim_mid_token_id": 0 }), /fim_mid_token_id/);
  assert.throws(() => tokenizerFrom({ "tokenizer.ggml.fim_mid_token_id": "x" }), /fim_mid_token_id/);
});

const spellings: readonly [string, string, (special: SpecialTokens) => number | undefined][] = [
  ["<|fim_middle|>", "<|middle|>", ({ fim }) => fim?.middle],
  ["<|fim_middle|>", "<fim_middle>", ({ fim }) => fim?.middle],
  ["<|fim_prefix|>", "<|fim_pre|>", ({ fim }) => fim?.prefix],
  ["<|endoftext|>", "<|end_of_text|>", ({ endOfText }) => endOfText],
  ["<|file_sep|>", "<|filename|>", ({ fileSep }) => fileSep],
  ["<|repo_name|>", "<reponame>", ({ repoName }) => repoName],
];

for (const [from, to, role] of spellings) {
  test(`${to} is known as what others call ${from}`, () => {
    const tokenizer = tokenizerFrom({ "tokenizer.ggml.tokens": renamed(from, to) });
    assert.equal(role(tokenizer.special), tokens.indexOf(from));
  });
}

const pad = tokens.indexOf("<|fim_pad|>");
const beginnings: readonly [string, Record<string, unknown>, readonly number[]][] = [
  ["a file that says nothing", { bos_token_id: pad }, []],
  ["a file that wants it", { bos_token_id: pad, add_bos_token: true }, [pad]],
  ["a file of Llama 3's way that says nothing", { bos_token_id: pad, pre: "llama-bpe" }, [pad]],
  ["one that does not want it", { bos_token_id: pad, pre: "falcon-h1", add_bos_token: false }, []],
  ["one that does not name it", { bos_token_id: undefined, pre: "llama-bpe" }, []],
];
for (const [name, fields, expected] of beginnings) {
  test(`the token before any text: ${name}`, () => {
    const named = Object.entries(fields).map(([field, value]) => [`tokenizer.ggml.${field}`, value]);
    assert.deepEqual(tokenizerFrom(Object.fromEntries(named)).beginning, expected);
  });
}

test("a token before any text that is none of the special ones is refused", () => {
  const changes = { "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.add_bos_token": true };
  assert.throws(() => tokenizerFrom(changes), /bos_token_id is not one of the special tokens/);
});

test("a model that was not taught to fill in the middle has none of its tokens", () => {
  const tokenizer = tokenizerFrom({ "tokenizer.ggml.tokens": renamed("<|fim_middle|>", "x") });
  assert.equal(tokenizer.special.fim, undefined);
});

test("a model that was taught no mark for files has none", () => {
  const tokenizer = tokenizerFrom({ "tokenizer.ggml.tokens": renamed("<|file_sep|>", "<|other|>") });
  assert.equal(tokenizer.special.fileSep, undefined);
});

test("runs of white space among the added tokens are text, other added tokens are not", () => {
  const tokenizer = tokenizerFrom({});
  const indentation = tokens.indexOf("    ");
  assert.deepEqual(tokenizer.encode("    x")[0], indentation);
  assert.equal(tokenizer.decode([indentation]), "    ");
  assert.ok(tokenizer.tokensBeginningWith(Buffer.from("    ")).includes(indentation));
  for (const added of ["<|fim_middle|>", "<tool_call>", "<|reserved|>"]) {
    assert.ok(!tokenizer.encode(added).includes(tokens.indexOf(added)), added);
    assert.equal(tokenizer.decode([tokens.indexOf(added)]), "");
  }
});

const refused: readonly [string, Record<string, unknown>, RegExp][] = [
  ["of SentencePiece", { "tokenizer.ggml.model": "llama" }, /"llama", not a byte-level BPE/],
  ["of no kind", { "tokenizer.ggml.model": undefined }, /not a byte-level BPE/],
  ["that cuts text in an unknown way", { "tokenizer.ggml.pre": "exotic" }, /"exotic"/],
  ["that cuts text in a way that is no text", { "tokenizer.ggml.pre": 7 }, /"7"/],
  ["without tokens", { "tokenizer.ggml.tokens": undefined }, /tokens is not a list/],
  ["with tokens that are no texts", { "tokenizer.ggml.tokens": tokens.map(() => 1) }, /tokens is not a list/],
  ["without merges", { "tokenizer.ggml.merges": {} }, /merges is not a list/],
  ["without kinds", { "tokenizer.ggml.token_type": undefined }, /token_type/],
  ["with fewer kinds than tokens", { "tokenizer.ggml.token_type": kinds.slice(1) }, /token_type/],
  [
    "without single bytes",
    { "tokenizer.ggml.token_type": kinds.map((kind, id) => (id < 9 ? 5 : kind)) },
    /bytes/,
  ],
];

for (const [name, changes, message] of refused) {
  test(`a tokenizer ${name} is refused`, () => {
    assert.throws(() => tokenizerFrom(changes), { message });
  });
}

test("a token named __proto__ is a token", () => {
  const word = "__proto__";
  const changed = tokens.map((token, id) => (id === 300 ? word : token));
  assert.deepEqual(
    [...tokenizerFrom({ "tokenizer.ggml.tokens": changed }).bytesOf(300)],
    [...Buffer.from(word)],
  );
});
