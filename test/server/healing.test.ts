import assert from "node:assert/strict";
import { test } from "node:test";
import { ContextBuilder } from "../../server/completion/context.ts";
import { chooseHealing, findHealings } from "../../server/completion/healing.ts";
import { SnippetChoice } from "../../server/completion/snippets.ts";
import { Passages } from "../../server/repository/passages.ts";
import { fakeTokenizer, loadFrom, tokenizerFile, vocabSizeOf } from "./fakes/tokenizerFile.ts";

const tokenizer = await fakeTokenizer();
const healingsOf = (text: string) => findHealings(tokenizer, text, tokenizer.encode(text));
const shown = (text: string) =>
  healingsOf(text).map(({ takenBack, text: written, firstTokens }) => [
    takenBack,
    Buffer.from(written).toString(),
    [...(firstTokens ?? [])].map((id) => tokenizer.decode([id])).sort(),
  ]);

test("a word is healed in each way that leaves a token to choose", () => {
  assert.deepEqual(shown("(retu"), [[1, "retu", ["retu", "retur", "return", "returne", "returned"]]]);
  assert.deepEqual(shown("(comput"), [
    [1, "put", ["put", "pute"]],
    [2, "comput", ["compute"]],
  ]);
});

test("a space is healed, since it belongs to the token of the word after it", () => {
  const [healing] = healingsOf("return ");
  assert.equal(healing?.takenBack, 1);
  assert.ok([...(healing.firstTokens ?? [])].every((id) => tokenizer.decode([id]).startsWith(" ")));
});

for (const text of ["", " ", "x  ", "x(", "x1", "\n    "]) {
  test(`there is nothing to heal in ${JSON.stringify(text)}`, () => assert.deepEqual(healingsOf(text), []));
}

/** Probabilities by token after each count of tokens. */
function logProbs(chances: Readonly<Record<string, number>>): Float32Array {
  const table = new Float32Array(tokenizer.vocabSize).fill(-20);
  for (const [token, chance] of Object.entries(chances))
    table[tokenizer.encode(token)[0] ?? 0] = Math.log(chance);
  return table;
}

const choices: readonly [string, readonly (Float32Array | undefined)[], number][] = [
  [
    "the whole word, where it is likelier",
    [logProbs({ compute: 0.9, com: 0.05 }), logProbs({ put: 0.5, pute: 0.5 })],
    2,
  ],
  [
    "its last token, where that is likelier",
    [logProbs({ compute: 0.01, com: 0.9 }), logProbs({ put: 0.4, pute: 0.4 })],
    1,
  ],
  ["its last token, where no other state is known", [undefined, logProbs({ put: 0.4 })], 1],
  ["nothing, where no state is known", [undefined, undefined], 0],
];
for (const [name, after, takenBack] of choices) {
  test(`taken back: ${name}`, () => {
    const tokens = tokenizer.encode("comput");
    assert.equal(tokens.length, 2);
    assert.equal(chooseHealing(healingsOf("comput"), tokens, (count) => after[count]).takenBack, takenBack);
  });
}

/** As many vocabularies cut text: a mark, or the last space of an indentation, goes with the word after it. */
async function joiningTokenizer() {
  const file = tokenizerFile();
  for (const merge of [". t", ".t o", ". v", "Ġ return"]) {
    file.model.merges.push(merge);
    file.model.vocab[merge.replace(" ", "")] ??= Object.keys(file.model.vocab).length;
  }
  const split = {
    type: "Split",
    pattern: { Regex: "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\s+(?!\\S)|\\s+|[^\\s\\p{L}]" },
    behavior: "Isolated",
    invert: false,
  };
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  file.pre_tokenizer = { type: "Sequence", pretokenizers: [split, bytes] };
  return await loadFrom(JSON.stringify(file), vocabSizeOf(file));
}

const joining = await joiningTokenizer();

test("how a vocabulary writes words is seen from what it writes", () => {
  assert.deepEqual(tokenizer.habits, { marks: false, indentation: false });
  assert.deepEqual(joining.habits, { marks: true, indentation: true });
});

const joined: readonly [string, number | undefined, string][] = [
  ["a.", 1, "."],
  ["a.t", 1, ".t"],
  ["\n    ", 1, " "],
  ["a\n  ", 1, " "],
  ["a ", 1, " "],
  ["a1", undefined, ""],
  ["\n", undefined, ""],
];
for (const [before, takenBack, text] of joined) {
  test(`${JSON.stringify(before)} is healed by ${JSON.stringify(text)} where words are written so`, () => {
    const builder = new ContextBuilder(joining, new SnippetChoice(() => new Passages()));
    const document = { uri: "file:///a", relativePath: "a.ts", languageId: "typescript", text: "" };
    const { tokens, healings } = builder.build(document, { before, after: "" }, []);
    const [healing] = healings;
    assert.equal(healing?.takenBack, takenBack);
    if (!healing) return;
    assert.equal(Buffer.from(healing.text).toString(), text);
    assert.equal(joining.decode(tokens.slice(-healing.takenBack)), text);
    assert.ok((healing.firstTokens ?? []).every((id) => joining.decode([id]).startsWith(text)));
  });
}
