import assert from "node:assert/strict";
import { test } from "node:test";
import { SUGGESTIONS, type Suggestions } from "../../protocol/settings.ts";
import { randomSource } from "../../scripts/eval/random.ts";
import {
  COSTS,
  type Cut,
  cutsOf,
  type Decoded,
  endsOf,
  leastLogProb,
  lengthAfterRefusal,
  lengthToShow,
} from "../../server/completion/policy.ts";

/** Each token with its probability; "…" is a text that was too long, another string behind the tokens what would come next. */
function decodedOf(
  tokens: readonly (readonly [text: string, probability: number])[],
  next?: string,
): Decoded {
  let text = "";
  const pieces = tokens.map(([token, probability]) => {
    text += token;
    return { end: text.length, logProb: Math.log(probability) };
  });
  return { text, pieces, next: next === "…" ? undefined : next, isOpen: next === "…" };
}

const sure = (...tokens: string[]) => tokens.map((token) => [token, 0.99] as const);

const ENDS: readonly [what: string, tokens: readonly string[], next: string | undefined, ends: string[]][] = [
  ["behind words and signs", ["foo", "(", "bar", ")"], undefined, ["foo", "foo(", "foo(bar", "foo(bar)"]],
  ["not inside a word", ["comp", "ute", "_all", "2", "("], undefined, ["compute_all2", "compute_all2("]],
  ["not before the rest of a word that was not likely", ["a", ".", "comp"], "ute", ["a", "a."]],
  ["before a sign that was not likely", ["a", ".", "comp"], "(", ["a", "a.", "a.comp"]],
  ["not where nobody knows how it goes on", ["a", " ", "b"], "…", ["a"]],
  [
    "not between closers",
    ["f", "(", "[", "0", "]", ")", ";"],
    undefined,
    ["f", "f(", "f([", "f([0", "f([0])", "f([0]);"],
  ],
  ["not before a closer that was not likely", ["f", "([", "0", "]"], ")", ["f", "f([", "f([0"]],
  ["without white space at the end", ["x", " =", " ", "1", "\n"], undefined, ["x", "x =", "x = 1"]],
  ["where a token ends the line too", ["f()", ";\n"], undefined, ["f()", "f();"]],
  [
    "below the first line at lines' ends",
    ["{\n  ", "a", "()", "\n", "}", "\n"],
    undefined,
    ["{", "{\n  a()", "{\n  a()\n}"],
  ],
  ["not in a further line that is cut", ["{\n  ", "a", "("], "b", ["{"]],
  ["nowhere in white space", ["  ", "\n"], undefined, []],
  ["nowhere in nothing", [], "x", []],
];
for (const [what, tokens, next, ends] of ENDS) {
  test(`a decoded text may end ${what}`, () => {
    const decoded = decodedOf(sure(...tokens), next);
    assert.deepEqual(
      endsOf(decoded).map(({ length }) => decoded.text.slice(0, length)),
      ends,
    );
  });
}

interface ShowCase {
  readonly what: string;
  readonly tokens: readonly (readonly [string, number])[];
  readonly shown: Readonly<Record<Suggestions, string>>;
}

const all = (text: string) => ({ eager: text, balanced: text, subtle: text });
const SHOWN: readonly ShowCase[] = [
  { what: "all of a sure text", tokens: sure("compute", "(", "value", ");"), shown: all("compute(value);") },
  { what: "nothing of a single character", tokens: sure("="), shown: all("") },
  { what: "nothing of an unlikely text", tokens: [["compute(value);", 0.1]], shown: all("") },
  {
    what: "the sure part where the rest is a guess",
    tokens: [...sure("compute", "("), ["value", 0.3], [");", 0.9]],
    shown: all("compute("),
  },
  {
    what: "a long guess to who likes many, and to nobody else",
    tokens: [["computeTheWholeOfIt", 0.3]],
    shown: { eager: "computeTheWholeOfIt", balanced: "", subtle: "" },
  },
  {
    what: "a short guess to all but who likes few",
    tokens: [["foo", 0.55]],
    shown: { eager: "foo", balanced: "foo", subtle: "" },
  },
  {
    what: "a line below only where it is surer than a word",
    tokens: [...sure("{"), ["\n  ", 0.3], ["return", 0.9], [";", 0.9], ["\n", 0.99]],
    shown: all(""),
  },
];
for (const { what, tokens, shown } of SHOWN) {
  for (const suggestions of SUGGESTIONS) {
    test(`shown is ${what}: ${suggestions}`, () => {
      const decoded = decodedOf(tokens);
      const length = lengthToShow(cutsOf(decoded), COSTS[suggestions]);
      assert.equal(decoded.text.slice(0, length), shown[suggestions]);
    });
  }
}

const CUTS: readonly Cut[] = [
  { length: 4, probability: 0.95 },
  { length: 9, probability: 0.9 },
  { length: 16, probability: 0.5 },
];
const REFUSALS: readonly [
  what: string,
  cuts: readonly Cut[],
  typed: number,
  shown: number,
  length: number,
][] = [
  ["nothing before it could be read", CUTS, 1, 16, 16],
  ["its unlikely end once it was read", CUTS, 2, 16, 9],
  ["nothing of what is left of its sure part", CUTS, 10, 16, 16],
  ["nothing where a character would be left", CUTS, 8, 16, 16],
  ["nothing of a text that has one end", CUTS.slice(2), 4, 16, 16],
  [
    "nothing of a text that is sure to its end",
    CUTS.map((cut) => ({ ...cut, probability: 0.98 })),
    4,
    16,
    16,
  ],
  ["nothing of a text without ends", [], 4, 16, 16],
];
for (const [what, cuts, typed, shown, length] of REFUSALS) {
  test(`of a text that is typed along goes ${what}`, () => {
    assert.equal(lengthAfterRefusal(cuts, typed, shown, COSTS.balanced), length);
  });
}

const BEFORE = [
  { right: "", shown: "total(store" },
  { right: " ", shown: "total(store" },
  { right: " })", shown: "total" },
  { right: '" />', shown: "total" },
  { right: ") {", shown: "total" },
];
for (const { right, shown } of BEFORE) {
  test(`a beginning leaves no bracket open before ${JSON.stringify(right)}`, () => {
    const decoded = decodedOf([...sure("total"), ...sure("(store"), [", ", 0.1], ["id)", 0.9]]);
    const length = lengthToShow(cutsOf(decoded, right), COSTS.balanced);
    assert.equal(decoded.text.slice(0, length), shown);
  });
}

const BRACES = [
  { shape: "values between braces on a line", pieces: ["= {", "0", ", ", "0", "};"], shown: "= {0, 0};" },
  { shape: "arguments", pieces: ["put(", "key", ", ", "value", ");"], shown: "put(key, value" },
  { shape: "a block that is begun", pieces: ["if (key", ") {", "\n  put"], shown: "if (key) {" },
  {
    shape: "a block's first lines",
    pieces: ["if (key) {", "\n  put", "();", "\n"],
    shown: "if (key) {\n  put();",
  },
];
for (const { shape, pieces, shown } of BRACES) {
  test(`where the end is unsure, is shown of ${shape}: ${JSON.stringify(shown)}`, () => {
    const decoded = decodedOf([
      ...pieces.slice(0, -1).map((text): [string, number] => [text, 0.999]),
      [pieces.at(-1) ?? "", 0.6],
    ]);
    const length = lengthToShow(cutsOf(decoded), COSTS.balanced);
    assert.equal(decoded.text.slice(0, length), shown);
  });
}

test("behind closers that it writes again, a beginning may leave a bracket open", () => {
  const decoded = decodedOf([...sure("name", ") {"), ["\n  return", 0.1]]);
  for (const [right, shown] of [
    [")", "name) {"],
    [") ", "name) {"],
    ["))", "name"],
    [");", "name"],
  ] as const) {
    const length = lengthToShow(cutsOf(decoded, right), COSTS.balanced);
    assert.equal(decoded.text.slice(0, length), shown, right);
  }
});

test("decoding ends where nothing could be shown any more", () => {
  for (const suggestions of SUGGESTIONS) {
    const costs = COSTS[suggestions];
    const probability = Math.exp(leastLogProb(costs));
    const [cut] = cutsOf(decodedOf([["compute", probability]]));
    assert.ok(Math.abs((cut?.probability ?? 0) - costs.leastProbability) < 1e-9);
  }
});

test("a longer beginning is never likelier; who likes fewer texts is shown surer ones; of whatever is decoded", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomSource(seed);
  const tokens = ["a", "b_1", " ", "(", ").", "\n", "\n    ", "0", "é", "𝒳", ""];
  for (let run = 0; run < 2000; run++) {
    const decoded = decodedOf(
      Array.from({ length: Math.floor(random() * 12) }, () => [
        tokens[Math.floor(random() * tokens.length)] ?? "",
        random() < 0.2 ? random() : 1 - random() / 20,
      ]),
      [undefined, "…", "x", "("][Math.floor(random() * 4)],
    );
    const cuts = cutsOf(decoded);
    const about = `seed ${seed}, run ${run}`;
    for (const [i, { length, probability }] of cuts.entries()) {
      assert.ok(probability >= 0 && probability <= (cuts[i - 1]?.probability ?? 1), about);
      assert.ok(length > (cuts[i - 1]?.length ?? 0) && length <= decoded.text.length, about);
    }
    const probabilities = SUGGESTIONS.map((suggestions) => {
      const shown = lengthToShow(cuts, COSTS[suggestions]);
      return shown === 0 ? 1 : (cuts.find(({ length }) => length === shown)?.probability ?? Number.NaN);
    });
    const [eager = 0, balanced = 0, subtle = 0] = probabilities;
    assert.ok(eager <= balanced && balanced <= subtle, `${about}: ${probabilities}`);
  }
});
