/** How a text is laid out for models that were taught other tokens, or none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContextBuilder } from "../../server/completion/context.ts";
import { SnippetChoice } from "../../server/completion/snippets.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { Passages } from "../../server/repository/passages.ts";
import { fileHeader, repositoryHeader } from "../../server/repository/stream.ts";
import { loadFrom, tokenizerFile, vocabSizeOf } from "./fakes/tokenizerFile.ts";

/** With special tokens named otherwise. */
async function tokenizerWith(names: Readonly<Record<string, string>>): Promise<Tokenizer> {
  const file = tokenizerFile();
  for (const token of file.added_tokens) token.content = names[token.content] ?? token.content;
  return await loadFrom(JSON.stringify(file), vocabSizeOf(file));
}

/** Special tokens by their roles. */
function written(tokenizer: Tokenizer, tokens: readonly number[]): string {
  const { fim, ...marks } = tokenizer.special;
  const names = new Map(Object.entries({ ...fim, ...marks }).map(([name, id]) => [id, `<${name}>`]));
  return tokens.map((token) => names.get(token) ?? tokenizer.decode([token])).join("");
}

function contextOf(tokenizer: Tokenizer): string {
  const builder = new ContextBuilder(tokenizer, new SnippetChoice(() => new Passages()));
  const document = { uri: "file:///a", relativePath: "src/a.py", languageId: "python", text: "" };
  return written(tokenizer, builder.build(document, { before: "x = (", after: "\ny = 2\n" }, []).tokens);
}

const FALCON = {
  "<|fim_prefix|>": "<|prefix|>",
  "<|fim_suffix|>": "<|suffix|>",
  "<|fim_middle|>": "<|middle|>",
};
const PLAIN = { "<|repo_name|>": "<x>", "<|file_sep|>": "<y>" };
const layouts: readonly [string, Readonly<Record<string, string>>, string][] = [
  ["all of them", {}, "<fileSep>src/a.py\n<prefix><suffix>\ny = 2\n<middle>x = ("],
  ["other names", FALCON, "<fileSep>src/a.py\n<prefix><suffix>\ny = 2\n<middle>x = ("],
  ["no marks of files", PLAIN, "# src/a.py\n<prefix><suffix>\ny = 2\n<middle>x = ("],
  ["two of the three to fill in", { "<|fim_suffix|>": "<z>" }, "<fileSep>src/a.py\nx = ("],
  ["nothing", { ...PLAIN, "<|fim_middle|>": "<z>" }, "# src/a.py\nx = ("],
];
for (const [name, names, expected] of layouts) {
  test(`a model that was taught ${name} reads what it knows`, async () => {
    assert.equal(contextOf(await tokenizerWith(names)), expected);
  });
}

test("without a mark a repository has no header, and a file's is a comment of its language", async () => {
  const tokenizer = await tokenizerWith(PLAIN);
  assert.deepEqual(repositoryHeader(tokenizer, "name"), []);
  for (const [path, line] of [
    ["src/a.ts", "// src/a.ts\n"],
    ["Makefile", "# Makefile\n"],
    ["a/b.SQL", "-- a/b.SQL\n"],
    ["a.tex", "% a.tex\n"],
    ["LICENSE", "// LICENSE\n"],
  ] as const)
    assert.equal(tokenizer.decode(fileHeader(tokenizer, path)), line);
});
