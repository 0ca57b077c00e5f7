import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Finish } from "../../server/completion/finish.ts";
import { offersOf } from "../../server/completion/offers.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { SyntaxTrees } from "../../server/syntax/trees.ts";

const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => assert.fail(String(cause)));
after(() => syntax.dispose());

const document = {
  uri: "file:///a.ts",
  relativePath: "a.ts",
  languageId: "typescript",
  text: "",
};

interface Case {
  readonly name: string;
  readonly text: string;
  readonly alternatives?: readonly string[];
  readonly isCut?: boolean;
  readonly texts: readonly string[];
  readonly nothing?: RegExp;
}

const CASES: readonly Case[] = [
  { name: "one text", text: "f(1);\n", texts: ["f(1);"] },
  {
    name: "alternatives in their order",
    text: "f(1);",
    alternatives: ["g();", "h"],
    texts: ["f(1);", "g();", "h"],
  },
  {
    name: "three alternatives at most",
    text: "a",
    alternatives: ["b", "c", "d", "e"],
    texts: ["a", "b", "c", "d"],
  },
  {
    name: "what is the same once it is cleaned only once",
    text: "f(1);\n",
    alternatives: ["f(1);  ", "g();\t", "g();", "f(1);"],
    texts: ["f(1);", "g();"],
  },
  { name: "no alternative without text", text: "f()", alternatives: ["", " \n"], texts: ["f()"] },
  { name: "each cut at broken characters", text: "a\ufffdb", alternatives: ["c\ufffd"], texts: ["a", "c"] },
  {
    name: "nothing where the line is complete",
    text: "\n",
    alternatives: [".x()"],
    texts: [],
    nothing: /complete/,
  },
  { name: "nothing where it is unsure", text: "", isCut: true, texts: [], nothing: /unsure/ },
  { name: "nothing where a rule leaves nothing", text: "\ufffd", texts: [], nothing: /broken characters/ },
];

for (const { name, text, alternatives = [], isCut = false, texts, nothing } of CASES) {
  test(`offered is ${name}`, async () => {
    const generation = {
      ...{ text, alternatives, isCut, pieces: [], next: undefined },
      ...{ isOpen: false, tokensDecoded: 1, firstLineAtMs: 0 },
    };
    const around = { before: "x = ", after: "" };
    using finish = new Finish({ ...document, text: around.before }, around, syntax);
    const offers = await offersOf(generation, finish, () => ({
      kind: "line",
    }));
    assert.deepEqual(
      offers.joins.map((join) => join.text),
      texts,
    );
    if (nothing) assert.match(offers.nothing ?? "", nothing);
    else assert.equal(offers.nothing, undefined);
  });
}
