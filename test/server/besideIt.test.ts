import assert from "node:assert/strict";
import { test } from "node:test";
import { besideIt } from "../../server/cli/besideIt.ts";

const cases: readonly [string, string | undefined, string, string][] = [
  ["the same", "b + c;", "b + c;", "offered  a = b + c;  exactly right\nthere    a = b + c;"],
  ["white space at the end", "b;", "b;  ", "offered  a = b;  exactly right\nthere    a = b;  "],
  ["another end", "b.c", "b.dd;", "offered  a = b.c  right for 2 of 5 characters\nthere    a = b.dd;"],
  ["nothing", undefined, "b;", "offered  a =   nothing is offered\nthere    a = b;"],
  ["an empty rest", "b;", "", "offered  a = b;  the line ends here\nthere    a = "],
  [
    "further lines",
    "{\n  b\n}",
    "{",
    "offered  a = {  exactly right\n           b\n         }\nthere    a = {",
  ],
];
for (const [name, offered, rest, expected] of cases) {
  test(`${name}, beside what stands there`, () => {
    assert.equal(besideIt({ before: "a = ", offered, rest }), expected);
  });
}
