import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { besideIt } from "../../server/cli/besideIt.ts";
import { findPlace } from "../../server/cli/position.ts";

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

const places: readonly [string, string, string, string][] = [
  ["a line feed", "one\ntwo = 2;\nthree", ":2:5", "two = 2;"],
  ["a carriage return and a line feed", "one\r\ntwo = 2;\r\nthree", ":2:5", "two = 2;"],
  ["the end of the file", "one\ntwo = 2;", ":2:5", "two = 2;"],
  ["nothing", "one\n\nthree", ":2:1", ""],
  ["its own end, asked for", "one\r\ntwo\r\n", ":2", "two"],
];
for (const [name, text, place, line] of places) {
  test(`the line of a place before ${name}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "stateline-place-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "a.ts");
    writeFileSync(path, text);
    const { lineStart, lineEnd, offset } = await findPlace(`${path}${place}`);
    assert.equal(text.slice(lineStart, lineEnd), line);
    assert.ok(lineStart <= offset && offset <= lineEnd);
  });
}
