import assert from "node:assert/strict";
import { test } from "node:test";
import { PROMPT_FORMATS, promptFormatOf } from "../../server/completion/promptFormats.ts";
import { promptOf, shareThatFits, viewOf } from "../../server/completion/remotePrompt.ts";
import { StreamedText } from "../../server/completion/streamedText.ts";
import { toldSurroundings } from "../../server/completion/toldText.ts";
import type { Question } from "../../server/completion/writer.ts";

const DOCUMENT = { uri: "file:///a.py", relativePath: "src/a.py", languageId: "python", text: "" };

const MODELS: readonly (readonly [model: string, format: string | undefined])[] = [
  ["Qwen/Qwen2.5-Coder-7B", "qwen"],
  ["/models/qwen3-next-80b.gguf", "qwen"],
  ["ibm-granite/granite-4.0-h-tiny-base", "granite"],
  ["ibm-granite/granite-8b-code-base", "starcoder"],
  ["bigcode/starcoder2-3b", "starcoder"],
  ["deepseek-ai/deepseek-coder-1.3b-base", "deepseek"],
  ["codellama/CodeLlama-7b-hf", "codellama"],
  ["mistralai/Codestral-22B-v0.1", "codestral"],
  ["JetBrains/Mellum-4b-base", "mellum"],
  ["google/codegemma-2b", "codegemma"],
  ["ByteDance-Seed/Seed-Coder-8B-Base", "seed"],
  ["meta-llama/Llama-3.1-8B", undefined],
];

for (const [model, format] of MODELS) {
  test(`${model} is asked ${format ? `as ${format}` : "to go on with the text before the cursor"}`, () => {
    assert.equal(promptFormatOf("auto", ["team-coder", model])?.name, format);
  });
}

test("a format that the person names counts, whatever the model is called", () => {
  assert.equal(promptFormatOf("starcoder", ["qwen"])?.name, "starcoder");
  assert.equal(promptFormatOf("none", ["qwen"]), undefined);
});

function prompt(
  name: string,
  before: string,
  after: string,
  snippets: { path: string; text: string }[] = [],
) {
  const quoted = snippets.map(({ path, text }) => ({ key: path, relativePath: path, text }));
  const format = promptFormatOf(name as "qwen", []);
  return promptOf(format, DOCUMENT, { prefix: before, suffix: after }, quoted);
}

const PROMPTS: readonly (readonly [format: string, text: string])[] = [
  ["qwen", "<|file_sep|>b.py\nb\n<|file_sep|>src/a.py\n<|fim_prefix|><|fim_suffix|>\nend<|fim_middle|>x = ("],
  ["starcoder", "<file_sep>b.py\nb\n<file_sep>src/a.py\n<fim_prefix>x = (<fim_suffix>\nend<fim_middle>"],
  ["mellum", "<filename>b.py\nb\n<filename>src/a.py\n<fim_suffix>\nend<fim_prefix>x = (<fim_middle>"],
  ["codestral", "# b.py\nb\n# src/a.py\n[SUFFIX]\nend[PREFIX]x = ("],
  ["none", "# b.py\nb\n# src/a.py\nx = ("],
];

for (const [format, text] of PROMPTS) {
  test(`a prompt of the format ${format} has its parts in the order that it was taught in`, () => {
    assert.equal(prompt(format, "x = (", "\nend", [{ path: "b.py", text: "b" }]).text, text);
  });
}

test("a word that is being typed, and white space, are left for the server to write where they end the prompt", () => {
  for (const [before, expected] of [
    ["a = retu", " retu"],
    ["retu", "retu"],
    ["if x:\n    ", "    "],
    ["f(", ""],
    ["x\n", ""],
  ] as const) {
    const { text, expected: left } = prompt("qwen", before, "");
    assert.equal(left, expected);
    assert.ok(text.endsWith(before.slice(0, before.length - expected.length)));
    assert.equal(prompt("starcoder", before, "").expected, "");
  }
});

test("no text of a document is a mark of the format", () => {
  for (const format of PROMPT_FORMATS) {
    const marks = [format.prefix, format.suffix, format.middle, format.file].filter((mark) => mark);
    const { text } = prompt(format.name, `${marks.join(" ")} (`, marks.join(" "), [
      { path: "b.py", text: marks.join(" ") },
    ]);
    for (const mark of marks) {
      const own = mark === format.file ? 2 : 1;
      assert.equal(text.split(mark ?? "").length - 1, own, `${format.name}: ${mark} in ${text}`);
    }
  }
});

test("while a text is typed, its prompts begin alike but for one in many keys", () => {
  const line = "    result = compute(first, second)\n";
  let text = line.repeat(400);
  let before = "";
  let kept = 0;
  const keys = 2000;
  for (let key = 0; key < keys; key++) {
    text += line[key % line.length];
    const view = viewOf({ before: text, after: "\nnext()\n" }, 1);
    assert.ok(view.prefix.length <= 8000);
    const now = `${view.suffix}${view.prefix}`;
    if (now.startsWith(before)) kept++;
    before = now;
  }
  assert.ok(kept >= keys - 3, `${keys - kept} prompts begin anew`);
});

test("a prompt fits beside its answer into what the server reads", () => {
  assert.equal(shareThatFits(32_768, 256), 1);
  assert.equal(shareThatFits(4096, 256), 1 / 2);
  assert.equal(shareThatFits(2048, 256), 1 / 4);
  assert.equal(shareThatFits(256, 256), 1 / 16);
});

test("lines with secrets are left empty, and where the cursor's line holds one nothing is told", async () => {
  const secret = 'token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"';
  const told = await toldSurroundings({ before: `a\n${secret}\nb = `, after: `1\n${secret}\nc` });
  assert.deepEqual(told, { before: "a\n\nb = ", after: "1\n\nc" });
  assert.equal(await toldSurroundings({ before: `a\n${secret}`, after: "\nb" }), undefined);
  const far = `${secret}\n${"x = 1\n".repeat(40_000)}`;
  const view = viewOf((await toldSurroundings({ before: far, after: `\n${far}` })) ?? assert.fail(), 1);
  assert.ok(!`${view.prefix}${view.suffix}`.includes("ghp_"));
});

function streamed(options: Partial<Question> = {}, expected = "") {
  const around = { before: "", after: "" };
  const question = { around, wantsMore: () => false, leastLogProb: -1, ...options } as Question;
  return new StreamedText(question, expected);
}

const piece = (text: string, logProb: number | undefined = -0.1) =>
  ({ text, logProb, tokens: 1, end: undefined }) as const;

test("a text ends with the last line that is wanted", () => {
  const text = streamed({ wantsMore: (written) => written === "one\n" });
  assert.deepEqual(
    [piece("one\ntw"), piece("o\nthree")].map((one) => text.goesOnAfter(one)),
    [true, false],
  );
  assert.deepEqual([text.written().text, text.written().isCut], ["one\ntwo\n", false]);
});

test("a text ends where it becomes unlikely, and says what would have come", () => {
  const text = streamed();
  assert.deepEqual(
    [piece("a", -0.6), piece("b", -0.6)].map((one) => text.goesOnAfter(one)),
    [true, false],
  );
  const { text: written, next, isCut, pieces } = text.written();
  assert.deepEqual([written, next, isCut, pieces], ["a", "b", true, [{ end: 1, logProb: -0.6 }]]);
});

test("what a half character weighs counts for the whole one", () => {
  const text = streamed();
  for (const one of [piece("", -0.2), piece("ß", -0.1)]) text.goesOnAfter(one);
  assert.deepEqual(
    text.written().pieces.map(({ logProb }) => Math.round(10 * logProb)),
    [-3],
  );
});

test("what stands before the cursor already is taken off, however it is cut into pieces", () => {
  for (const pieces of [["re", "turn x\n"], ["return x\n"], ["r", "e", "t", "u", "rn x\n"]]) {
    const text = streamed({}, "ret");
    for (const one of pieces) text.goesOnAfter(piece(one, -0.01));
    assert.equal(text.written().text, "urn x\n");
  }
  const other = streamed({}, "ret");
  assert.equal(other.goesOnAfter(piece("result")), false);
  assert.deepEqual([other.written().text, other.written().isCut], ["", true]);
});

test("a text without log probabilities is cut to whole lines, or to whole words in its first", () => {
  const lines = streamed({ wantsMore: () => true });
  for (const one of ["one\n", "two\nthr"]) lines.goesOnAfter({ ...piece(one), logProb: undefined });
  lines.goesOnAfter({ text: "", logProb: undefined, tokens: 0, end: "length" });
  assert.deepEqual([lines.written().text, lines.written().isWeighed], ["one\ntwo\n", false]);
  const words = streamed();
  words.goesOnAfter({ text: "compute(fir", logProb: undefined, tokens: 3, end: "length" });
  assert.equal(words.written().text, "compute(");
});

test("after a text's end only the server's counts are read", () => {
  const text = streamed();
  assert.equal(text.goesOnAfter({ ...piece("done"), end: "stop" }), true);
  assert.equal(text.goesOnAfter({ ...piece("more"), promptTokens: 50, cachedTokens: 40 }), true);
  const { text: written, contextTokens, tokensAdvanced } = text.written();
  assert.deepEqual([written, contextTokens, tokensAdvanced], ["done", 50, 10]);
});
