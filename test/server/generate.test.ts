import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Generation,
  type GenerationOptions,
  generateLines,
  shortened,
} from "../../server/completion/generate.ts";
import { NO_HEALING } from "../../server/completion/healing.ts";
import { endsOf } from "../../server/completion/policy.ts";
import { FakeModel } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const tokenizer = await fakeTokenizer();

/** The model writes `future`, each token with the same probability. */
async function generate(
  future: string,
  options: Partial<GenerationOptions> & Partial<Pick<FakeModel, "others" | "logProb">> = {},
) {
  const model = new FakeModel(tokenizer);
  model.script = (written) => (future.startsWith(written) ? future.slice(written.length) : "");
  model.others = options.others ?? [];
  model.logProb = options.logProb ?? model.logProb;
  const generation = await generateLines(model, tokenizer, model.initialState(6), {
    healing: NO_HEALING,
    recall: () => model.createRecall(),
    context: [],
    wantsMore: () => false,
    leastLogProb: undefined,
    signal: new AbortController().signal,
    ...options,
  });
  return { model, ...generation };
}

const typing = { leastLogProb: Math.log(0.4) };
// Each letter is a token.
const words = (count: number) => Array.from({ length: count }, (_, i) => "qxz".slice(i % 3)).join(" ");

/** As far as anything may be shown. */
function atLastEnd(generation: Generation): Generation {
  return shortened(generation, endsOf(generation).at(-1)?.length ?? 0);
}

test("a typed text is told token by token, and what would come next", async () => {
  const { text, pieces, next, isCut } = await generate("qx = z;\n", { ...typing, logProb: -0.25 });
  assert.deepEqual([text, next, isCut], ["qx ", "=", true]);
  assert.deepEqual(
    pieces.map(({ end, logProb }) => [text.slice(0, end), logProb]),
    ["q", "qx", "qx "].map((head) => [head, -0.25]),
  );
  const bytes = await generate("é𝒳;\n", typing);
  assert.equal(bytes.pieces.at(-1)?.end, bytes.text.length);
  assert.deepEqual(
    shortened(bytes, 3).pieces.filter(({ end }) => end > 3),
    [],
  );
});

for (const [how, { options, asOffered }] of [
  ["by typing", { options: typing, asOffered: atLastEnd }],
  ["by key", { options: {}, asOffered: (generation: Generation) => generation }],
] as const) {
  test(`a line of more tokens than a piece comes whole while it is likely: ${how}`, async () => {
    const line = `${words(60)};\n`;
    const { text, isCut, model } = await generate(line, { ...options, logProb: -0.001 });
    assert.equal(text, line);
    assert.equal(isCut, false);
    assert.ok(model.beams.length > 2);
    assert.equal(model.living, 1);
    for (const [i, ms] of model.mostMs.entries())
      assert.ok(
        ms >= 0 && ms <= (model.mostMs[i - 1] ?? 3000),
        `piece ${i}: ${ms} ms of the line's three seconds`,
      );
  });

  test(`it ends at a word's end where it gets unlikely: ${how}`, async () => {
    const line = words(200);
    const generation = await generate(line, { ...options, logProb: -0.012 });
    const { text, isCut } = asOffered(generation);
    assert.equal(isCut, true);
    assert.ok(line.startsWith(text) && text.length > 60, text);
    assert.doesNotMatch(line.slice(text.length - 1, text.length + 1), /\w\w/);
  });

  test(`it ends at a word's end where it gets too long: ${how}`, async () => {
    const line = words(2000);
    const generation = await generate(line, { ...options, logProb: -0.0001 });
    const { text, isCut, tokensDecoded } = asOffered(generation);
    assert.equal(isCut, true);
    assert.ok(tokensDecoded < 400, String(tokensDecoded));
    assert.ok(line.startsWith(text) && text.length > 150, text);
    assert.doesNotMatch(line.slice(text.length - 1, text.length + 1), /\w\w/);
  });
}

test("a further line that is too long is left out whole", async () => {
  const { text, isCut } = await generate(`first();\n${words(2000)}`, {
    logProb: -0.0001,
    wantsMore: () => true,
  });
  assert.equal(text, "first();\n");
  assert.equal(isCut, true);
});

test("what else the line could be is told once each, without line ends, blank ones and the line itself", async () => {
  const others = ["other();\n    ", "line();\r\n", "other();", "  \n", "third(x"];
  const { text, alternatives } = await generate("line();\n", { others });
  assert.equal(text, "line();\n");
  assert.deepEqual(alternatives, ["other();", "third(x"]);
  assert.deepEqual((await generate("line();\n", { ...typing, others })).alternatives, []);
});

test("what was taken back stands before the alternatives as before the line", async () => {
  const returning = tokenizer.encode("retu");
  const healing = {
    takenBack: returning.length,
    text: Buffer.from("retu"),
    firstTokens: tokenizer.tokensBeginningWith(Buffer.from("retu")),
  };
  const { text, alternatives } = await generate("return x;\n", {
    healing,
    others: ["returned;\n", "return;\n"],
  });
  assert.equal(text, "rn x;\n");
  assert.deepEqual(alternatives, ["rned;", "rn;"]);
});
