import assert from "node:assert/strict";
import { test } from "node:test";
import { type LANGUAGES, languageOf } from "../../scripts/eval/languages.ts";
import { asOnDisk, placesIn } from "../../scripts/eval/places.ts";

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

test("on disk the asked lines of both kinds are absent, or end at the cursor, and no other is changed", () => {
  const files = repository(["a.ts"]);
  const places = placesIn(files, 1);
  const ends = new Map<number, number>();
  for (const { before } of places) {
    const lines = before.split("\n");
    const column = lines.at(-1)?.length ?? 0;
    ends.set(lines.length - 1, Math.min(column, ends.get(lines.length - 1) ?? column));
  }
  const lines = CODE.split("\n");
  const absent = lines.filter((_, line) => !ends.has(line)).join("\n");
  const saved = lines.map((line, i) => line.slice(0, ends.get(i))).join("\n");
  assert.deepEqual(asOnDisk(files, places, "absent").files, [{ path: "a.ts", text: absent }]);
  assert.deepEqual(asOnDisk(files, places, "saved").files, [{ path: "a.ts", text: saved }]);
  assert.deepEqual(asOnDisk(repository(["b.md"]), places, "saved").files, repository(["b.md"]).files);
});
