import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseHealing, findHealings } from "../../server/completion/healing.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

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
