import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf, TOKEN_KINDS } from "../../server/engine/tokenKinds.ts";
import { concatBytes, decodeWhole, incompleteTailLength } from "../../server/engine/utf8.ts";
import {
  fakeTokenizer,
  loadFrom,
  type TokenizerFile,
  tokenizerFile,
  vocabSizeOf,
} from "./fakes/tokenizerFile.ts";

test("any text comes back unchanged", async () => {
  const tokenizer = await fakeTokenizer();
  for (const text of ["", "return value;\n", "naïve 世界 👩‍👩‍👧", "\r\n\t\0\u{10FFFF}", "  \n\n  x"]) {
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  }
});

test("a document's text never yields a special token", async () => {
  const tokenizer = await fakeTokenizer();
  const { fim, ...others } = tokenizer.special;
  const special = new Set(Object.values({ ...fim, ...others }));
  const ids = tokenizer.encode("a<|fim_middle|>b<|endoftext|><|file_sep|>");
  assert.ok(ids.every((id) => !special.has(id)));
});

test("what a document writes in two characters is not composed into one", async () => {
  const file = { ...tokenizerFile(), normalizer: { type: "NFC" } };
  const tokenizer = await loadFrom(JSON.stringify(file), vocabSizeOf(file));
  for (const text of ["e\u0301", "\u00e9"]) assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
});

test("lines end at tokens with a line feed and at special tokens", async () => {
  const tokenizer = await fakeTokenizer();
  assert.ok(tokenizer.lineEnds.includes(tokenizer.special.endOfText!));
  assert.ok(tokenizer.lineEnds.includes(tokenizer.encode("\n    ")[0]!));
  assert.ok(!tokenizer.lineEnds.includes(tokenizer.encode("return")[0]!));
});

test("every token has a kind, by what it begins with", async () => {
  const kinds = {
    "end of a line": [";\n", "\r\n"],
    "white space": [" ", "\t\t"],
    "a new word": [" total", " _x", " é"],
  };
  const others = {
    "a word, or its rest": ["total", "Ünder"],
    "a digit": ["7", " 42"],
    "a mark": [".", " ==", "$"],
  };
  for (const [kind, texts] of Object.entries({ ...kinds, ...others, special: [""] }))
    for (const text of texts) assert.equal(kindOf(Buffer.from(text)), kind, JSON.stringify(text));
  const tokenizer = await fakeTokenizer();
  assert.equal(tokenizer.kinds.length, tokenizer.vocabSize);
  const named = (id: number | undefined) => TOKEN_KINDS[tokenizer.kinds[id ?? -1] ?? -1];
  assert.equal(named(tokenizer.special.endOfText), "special");
  assert.equal(named(tokenizer.encode("(")[0]), "a mark");
});

test("tokens are found by their beginning", async () => {
  const tokenizer = await fakeTokenizer();
  const found = [...tokenizer.tokensBeginningWith(Buffer.from("retu"))].map((id) => tokenizer.decode([id]));
  assert.deepEqual(found.sort(), ["retu", "retur", "return", "returne", "returned"]);
  assert.equal(tokenizer.tokensBeginningWith(Buffer.from("xyz")).length, 0);
});

const hostile: readonly [string, (file: TokenizerFile) => unknown, RegExp][] = [
  ["another kind of model", (file) => ({ ...file, model: { ...file.model, type: "Unigram" } }), /not a BPE/],
  ["no vocabulary", (file) => ({ ...file, model: { ...file.model, vocab: [] } }), /vocabulary/],
  ["no merges", (file) => ({ ...file, model: { ...file.model, merges: "a b" } }), /merges/],
  [
    "an id beyond the model",
    (file) => {
      file.model.vocab.Ġevil = 1e9;
      return file;
    },
    /has id 1000000000/,
  ],
  [
    "a fractional id",
    (file) => {
      file.model.vocab.Ġevil = 1.5;
      return file;
    },
    /has id 1\.5/,
  ],
  ["added tokens that are no list", (file) => ({ ...file, added_tokens: { 0: "x" } }), /added tokens/],
  [
    "a byte that is missing",
    (file) => {
      delete file.model.vocab.x;
      return file;
    },
    /single bytes/,
  ],
  ["an unknown pre-tokenizer", (file) => ({ ...file, pre_tokenizer: { type: "Evil" } }), /cannot be used/],
  ["null", () => null, /not a BPE/],
];

for (const [name, spoil, message] of hostile) {
  test(`a tokenizer.json with ${name} is refused by a sentence`, async () => {
    const file = tokenizerFile();
    const size = vocabSizeOf(file);
    await assert.rejects(loadFrom(JSON.stringify(spoil(file)), size), (error: Error) => {
      assert.equal(error.name, "TokenizerError");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
}

test("a tokenizer.json that is no JSON is refused by a sentence", async () => {
  await assert.rejects(loadFrom("{", 10), { name: "TokenizerError" });
});

test("merges that would make a special token out of text are refused", async () => {
  const file = tokenizerFile();
  const content = "<|fim_middle|>";
  for (let end = 2; end <= content.length; end++) {
    file.model.merges.push(`${content.slice(0, end - 1)} ${content[end - 1]}`);
    file.model.vocab[content.slice(0, end)] ??= Object.keys(file.model.vocab).length;
  }
  file.pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  await assert.rejects(loadFrom(JSON.stringify(file), vocabSizeOf(file)), /special token/);
});

test("half a code point is never decoded", () => {
  const bytes = Buffer.from("a🙂");
  for (let length = 1; length < bytes.length; length++)
    assert.equal(decodeWhole(bytes.subarray(0, length)), "a");
  assert.equal(decodeWhole(bytes), "a🙂");
  assert.equal(incompleteTailLength(Buffer.from("é").subarray(0, 1)), 1);
  assert.equal(incompleteTailLength(Buffer.from([0x80, 0x80])), 0);
  assert.deepEqual(concatBytes([Uint8Array.of(1), Uint8Array.of(2, 3)]), Uint8Array.of(1, 2, 3));
});
