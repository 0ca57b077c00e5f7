/** How a text is laid out for models that were taught other tokens, or none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContextBuilder, middleStart } from "../../server/completion/context.ts";
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

function contextOf(tokenizer: Tokenizer, family: string, before = "x = (") {
  const builder = new ContextBuilder(tokenizer, new SnippetChoice(() => new Passages()), family);
  const document = { uri: "file:///a", relativePath: "src/a.py", languageId: "python", text: "" };
  return builder.build(document, { before, after: "\ny = 2\n" }, []);
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
    const tokenizer = await tokenizerWith(names);
    assert.equal(written(tokenizer, contextOf(tokenizer, "stateline").tokens), expected);
    // In a file's first line the middle begins where the file does.
    assert.deepEqual(contextOf(tokenizer, "qwen2").tokens, contextOf(tokenizer, "stateline").tokens);
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

const eightLines = Array.from({ length: 8 }, (_, i) => `a${i} = ${i}\n`).join("");

test("a model that was taught the text after the cursor between has it there, and typing only appends", async () => {
  const tokenizer = await tokenizerWith({});
  const { tokens, recalled } = contextOf(tokenizer, "qwen2", `${eightLines}b = 1\nx = (`);
  const text = written(tokenizer, tokens);
  assert.equal(text, `<fileSep>src/a.py\n<prefix>${eightLines}<suffix>\ny = 2\n<middle>b = 1\nx = (`);
  assert.ok(written(tokenizer, recalled).endsWith(`<middle>${eightLines}b = 1\nx = (`));
  const typed = written(tokenizer, contextOf(tokenizer, "qwen2", `${eightLines}b = 1\nx = (1,\n`).tokens);
  assert.equal(typed, `${text}1,\n`);
});

test("the middle begins elsewhere once in eight lines, at a line's beginning", () => {
  const text = Array.from({ length: 100 }, (_, i) => `const value${i} = ${i};\n`).join("");
  const startsAt = (share: number) =>
    Array.from({ length: text.length }, (_, end) => middleStart(text.slice(0, end), 0, share));
  // Of the first seven lines each.
  assert.deepEqual(
    [1, 0.5, 0.125].map((share) => new Set(startsAt(share)).size),
    [12 + 8, 24 + 4, 100],
  );
  for (const [end, start] of startsAt(1).entries()) {
    assert.ok(start === 0 || (text[start - 1] === "\n" && start <= end));
    assert.ok(text.slice(start, end).split("\n").length <= 8);
  }
});
