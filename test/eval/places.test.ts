import assert from "node:assert/strict";
import { test } from "node:test";
import { type LANGUAGES, languageOf } from "../../scripts/eval/languages.ts";
import { placesIn, withoutPlaces } from "../../scripts/eval/places.ts";

const CODE = "let first = 1;\nlet second = first + one_more;\n// let third = second;\nreturn second;\n";

function repository(paths: readonly string[]) {
  return { name: "r", files: paths.map((path) => ({ path, text: CODE })) };
}

const languages: readonly [string, (typeof LANGUAGES)[number] | undefined][] = [
  ["a/b.py", "Python"],
  ["a.pyi", "Python"],
  ["a.mts", "TypeScript"],
  ["a.d.ts", "TypeScript"],
  ["a.cjs", "JavaScript"],
  ["a.go", "Go"],
  ["lib.rs", "Rust"],
  ["a.h", "C and C++"],
  ["a.cxx", "C and C++"],
  ["A.java", "Java"],
  ["README.md", undefined],
  ["py", undefined],
];

for (const [path, language] of languages) {
  test(`${path} is ${language ?? "no language of the report"}`, () => {
    assert.equal(languageOf(path), language);
  });
}

test("a place's parts are the file, with its rest to the end of the line", () => {
  for (const place of placesIn(repository(["a.ts", "b.go", "c.md"]), 5)) {
    assert.equal(place.before + place.rest + place.after, CODE);
    assert.ok(place.after === "" || place.after.startsWith("\n"));
    assert.notEqual(place.path, "c.md");
    assert.equal(place.language, languageOf(place.path));
    assert.ok(!place.before.slice(place.before.lastIndexOf("\n") + 1).startsWith("//"), "a comment");
  }
});

test("fewer places are the first of more", () => {
  const files = repository(["a.ts", "b.ts", "c.ts", "d.ts"]);
  const more = placesIn(files, 4);
  assert.deepEqual(
    placesIn(files, 2),
    more.filter(({ nth }) => nth < 2),
  );
  assert.equal(more.length, 8);
});

test("what is read lacks the asked lines of both kinds and no other", () => {
  const files = repository(["a.ts"]);
  const places = placesIn(files, 1);
  const asked = new Set(places.map(({ before }) => before.split("\n").length - 1));
  const expected = CODE.split("\n").filter((_, line) => !asked.has(line));
  assert.deepEqual(withoutPlaces(files, places).files, [{ path: "a.ts", text: expected.join("\n") }]);
});
