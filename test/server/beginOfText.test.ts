/** The token that some models want before any text: who does, and where it stands. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LocalWriter } from "../../server/completion/localWriter.ts";
import { beginOfText } from "../../server/engine/beginOfText.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { Passages } from "../../server/repository/passages.ts";
import { tokensOf } from "../../server/repository/stateTail.ts";
import { FakeModel, type FakeState } from "./fakes/engine.ts";
import { loadFrom, tokenizerFile, vocabSizeOf } from "./fakes/tokenizerFile.ts";

const BOS = "<|reserved_0|>";
const BOS_ID = 7;
const template = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: BOS } }, { Sequence: { id: "A" } }],
};
const ending = {
  type: "TemplateProcessing",
  single: [{ Sequence: { id: "A" } }, { SpecialToken: { id: BOS } }],
};
const bytes = { type: "ByteLevel" };

const files: readonly [string, unknown, unknown, number | undefined][] = [
  ["neither file", null, undefined, undefined],
  ["only its configuration names it", null, { bos_token: BOS }, undefined],
  ["the configuration asks for it", null, { add_bos_token: true, bos_token: BOS }, BOS_ID],
  ["it is an object there", bytes, { add_bos_token: true, bos_token: { content: BOS } }, BOS_ID],
  ["it is asked for without a name", null, { add_bos_token: true, bos_token: null }, undefined],
  ["texts are written so", template, undefined, BOS_ID],
  ["among other processors", { type: "Sequence", processors: [bytes, template] }, {}, BOS_ID],
  ["but the configuration does not want it", template, { add_bos_token: false, bos_token: BOS }, undefined],
  ["a token ends texts", ending, {}, undefined],
];
for (const [name, post_processor, config, expected] of files) {
  test(`the token before any text: ${name}`, () => {
    assert.equal(beginOfText({ ...tokenizerFile(), post_processor }, config), expected);
  });
}

test("it must be a special token", () => {
  assert.throws(
    () => beginOfText(tokenizerFile(), { add_bos_token: true, bos_token: "<s>" }),
    /"<s>", is not one/,
  );
});

test("a folder's tokenizer_config.json is read, and a broken one refused by a sentence", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stateline-bos-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = tokenizerFile();
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(file));
  const load = () => loadTokenizer(folder, vocabSizeOf(file));
  const plain = await load();
  writeFileSync(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ add_bos_token: true, bos_token: BOS }),
  );
  const begun = await load();
  assert.deepEqual([plain.beginning, begun.beginning], [[], [BOS_ID]]);
  // A state that was read without it is another one.
  assert.notEqual(plain.hash, begun.hash);
  writeFileSync(join(folder, "tokenizer_config.json"), "{");
  await assert.rejects(load(), /^TokenizerError: The tokenizer at [^\n]+ cannot be read: [^\n]+$/);
});

test("it stands once before all that is read: the repository, else the text at hand", async () => {
  const file = { ...tokenizerFile(), post_processor: template };
  const tokenizer = await loadFrom(JSON.stringify(file), vocabSizeOf(file));
  const one = { folder: 0, path: "/r/a", relativePath: "a", sizeBytes: 1, modifiedMs: 0 };
  const read = tokensOf([{ file: one, tokens: [20, 21] }], tokenizer, ["/r"]);
  assert.deepEqual([read[0], [...read].filter((token) => token === BOS_ID).length], [BOS_ID, 1]);
  assert.deepEqual([...tokensOf([], tokenizer, [])], []);

  const model = new FakeModel(tokenizer);
  let state = model.initialState(6);
  const root = () => ({ state, generation: state.tokenCount });
  const recallAt = () => model.createRecall();
  const writer = new LocalWriter({ model, tokenizer, root, recallAt, passages: () => new Passages() });
  const document = { uri: "file:///a.ts", relativePath: "a.ts", languageId: "typescript", text: "x = " };
  const request = { document, offset: 4, manual: false, others: [] };
  const latest = () => model.states.at(-1) as FakeState;
  await writer.readAhead(request);
  assert.deepEqual(latest().tokens.slice(0, 2), [BOS_ID, tokenizer.special.fileSep]);
  const [after] = await model.advance(state, read, { priority: "background" });
  state = after ?? assert.fail();
  await writer.readAhead(request);
  assert.deepEqual(latest().tokens.slice(0, read.length + 1), [...read, tokenizer.special.fileSep]);
  writer.dispose();
});
