import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { COSTS } from "../../server/completion/policy.ts";
import type { Surroundings } from "../../server/completion/request.ts";
import { ShownCompletions } from "../../server/completion/shown.ts";
import { FakeState } from "./fakes/engine.ts";

const basis = { state: new FakeState([], 8), settings: DEFAULT_SETTINGS, others: [] };

function placeOf(around: Surroundings, manual = false, uri = "u") {
  return { uri, around, manual, costs: COSTS.balanced, basis };
}

const CASES: readonly [what: string, before: string, after: string, left: readonly string[]][] = [
  ["nothing typed", "const x = ", "\n}", ["foo(1)", "foo.bar()", "fetch()"]],
  ["the beginning of all", "const x = f", "\n}", ["oo(1)", "oo.bar()", "etch()"]],
  ["the beginning of two", "const x = foo", "\n}", ["(1)", ".bar()"]],
  ["the beginning of the least likely", "const x = fe", "\n}", ["tch()"]],
  ["a bracket that the editor closed", "const x = foo(", ")\n}", ["1)"]],
  ["something else", "const x = fa", "\n}", []],
  ["one to its end", "const x = foo(1)", "\n}", []],
  ["back beyond the beginning", "const x =", "\n}", []],
  ["a line below", "const x = fo", "\n  y\n}", []],
];
for (const [what, before, after, left] of CASES) {
  test(`what is left of what was shown after typing ${what}`, () => {
    const shown = new ShownCompletions();
    const place = placeOf({ before: "const x = ", after: "\n}" });
    shown.add(place, ["foo(1)", "foo.bar()", "fetch()"]);
    assert.deepEqual(shown.remainders(placeOf({ before, after })), left);
    assert.deepEqual(shown.remainders(placeOf({ before, after }, false, "another")), []);
  });
}

test("what was asked for by key serves typing; what was shown while typing serves no key", () => {
  const around = { before: "a = ", after: "" };
  const typed = new ShownCompletions();
  typed.add(placeOf(around), ["f(", "g("]);
  assert.deepEqual(typed.remainders(placeOf(around, true)), []);
  assert.deepEqual(typed.remainders(placeOf(around)), ["f(", "g("]);
  const byKey = new ShownCompletions();
  byKey.add(placeOf(around, true), ["f(x)"]);
  byKey.add(placeOf(around), ["f("]);
  assert.deepEqual(byKey.remainders(placeOf(around, true)), ["f(x)"]);
  assert.deepEqual(byKey.remainders(placeOf({ before: "a = f(", after: "" })), ["x)"]);
});

test("what was read and not taken is shown as far as it is sure, and not longer again", () => {
  const shown = new ShownCompletions();
  const at = (typed: string, manual = false) => placeOf({ before: `a = ${typed}`, after: "" }, manual);
  const cuts = [
    { length: 8, probability: 0.95 },
    { length: 15, probability: 0.5 },
  ];
  shown.add(at(""), ["compute(guessed)"], cuts);
  assert.deepEqual(shown.remainders(at("c")), ["ompute(guessed)"]);
  assert.deepEqual(shown.remainders(at("co")), ["mpute("]);
  assert.deepEqual(shown.remainders(at("c")), ["ompute("]);
  assert.deepEqual(shown.remainders(at("compute(")), []);
});
