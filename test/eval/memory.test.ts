import assert from "node:assert/strict";
import { test } from "node:test";
import { nameCases, nameFigures, nameProbabilities } from "../../scripts/eval/names.ts";
import { inventFacts, planEvents } from "../../scripts/eval/needles.ts";
import { positionFigures } from "../../scripts/eval/positions.ts";
import { withinTokens } from "../../scripts/eval/reading.ts";
import { fakeTokenizer } from "../server/fakes/tokenizerFile.ts";

const tokenizer = await fakeTokenizer();

function textOf(text: string, position: number, header = "") {
  const headerLength = tokenizer.encode(header).length;
  return { path: "a.ts", tokens: tokenizer.encode(header + text), headerLength, position };
}

test("a name is asked for at its second appearance, by the distance from its first", () => {
  const first = textOf("const elephant = 1;\n", 10);
  const second = textOf("return elephant;\nlet elephant;\n", 100);
  const [found, ...more] = nameCases(tokenizer, [first, second]);
  assert.equal(more.length, 0, "not at the third, nor a word that is short or seen once");
  assert.ok(found);
  assert.equal(found.text, 1);
  const { begin, end, distance } = found;
  assert.equal(tokenizer.decode(second.tokens.slice(begin, end)).trim(), "elephant");
  const written = first.tokens.findIndex((_, i) =>
    tokenizer.decode(first.tokens.slice(0, i + 1)).endsWith(" e"),
  );
  assert.equal(distance, 100 + begin - (10 + written));
});

test("a name in a file's header is seen there, and not asked for", () => {
  const header = textOf("x\n", 0, "elephant.ts\n");
  assert.deepEqual(nameCases(tokenizer, [textOf("elephant\n", 0), textOf("x\n", 20, "elephant.ts\n")]), []);
  assert.equal(nameCases(tokenizer, [header, textOf("elephant\n", 20)]).length, 1);
});

test("names are counted in the range of their distance", () => {
  const at = (distance: number, read: number) => ({ distance, whole: { read }, rest: {} });
  const figures = nameFigures([at(100, 0.5), at(1000, 0.2), at(1100, 0.4), at(3000, 1)]);
  assert.deepEqual(
    figures.map(({ from, names, whole }) => [from, names, whole.read?.value.toFixed(2)]),
    [
      [64, 1, "0.50"],
      [512, 2, "0.30"],
    ],
  );
});

test("a name's probability is the product of its tokens', its rest's without the first", () => {
  const texts = [textOf("elephant\n", 0), textOf("elephant\n", 50)].map((text) => ({
    ...text,
    logProbs: { read: new Float32Array(text.tokens.length).fill(Math.log(0.5)) },
  }));
  const [found] = nameProbabilities(tokenizer, texts);
  const tokens = tokenizer.encode("elephant").length;
  assert.ok(Math.abs((found?.whole.read ?? 0) - 0.5 ** tokens) < 1e-6);
  assert.ok(Math.abs((found?.rest.read ?? 0) - 0.5 ** (tokens - 1)) < 1e-6);
});

test("texts are read while they fit, and none after the first that does not", () => {
  const lengths = [3, 4, 9, 1].map((length) => ({
    ...textOf("", 0),
    tokens: new Array<number>(length).fill(9),
  }));
  assert.equal(withinTokens(lengths, 8).length, 2);
});

test("a position counts what was read before it, without headers", () => {
  const text = textOf("const x;\n", 2047, "a.ts\n");
  const bits = new Float32Array(text.tokens.length).fill(-Math.LN2);
  const [figures, ...more] = positionFigures(tokenizer, [{ ...text, logProbs: { read: bits } }]);
  assert.equal(more.length, 0);
  assert.deepEqual([figures?.from, figures?.bytes], [2048, "const x;\n".length]);
  const tokens = text.tokens.length - text.headerLength;
  assert.ok(Math.abs((figures?.bitsPerByte.read?.value ?? 0) - tokens / "const x;\n".length) < 1e-6);
});

test("facts have names of their own and values of four digits", () => {
  const facts = inventFacts(48, 1);
  assert.equal(new Set(facts.map(({ name }) => name)).size, 48);
  for (const { value } of facts) assert.match(value, /^\d{4}$/);
});

test("every fact is read before it is asked for, so many tokens later", () => {
  const facts = inventFacts(6, 2);
  const events = planEvents(facts.slice(0, 2), facts.slice(2), 10_000);
  const written = new Map<unknown, number>();
  let asked = 0;
  for (const { at, facts: some, distance } of events) {
    if (distance === undefined) written.set(some, at);
    else assert.equal(at - (written.get(some) ?? Number.NaN), distance, `question ${asked++}`);
  }
  assert.equal(written.size, 3);
  assert.equal(asked, 3 * 2, "at the two distances up to 10,000 tokens");
  assert.deepEqual(
    events.map(({ at }) => at),
    events.map(({ at }) => at).sort((a, b) => a - b),
  );
});
