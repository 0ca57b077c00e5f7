import assert from "node:assert/strict";
import { test } from "node:test";
import { endingOf, languageIdOf } from "../../server/languageIds.ts";

const paths: readonly [string, string][] = [
  ["a/b.ts", "typescript"],
  ["a.d.mts", "typescript"],
  ["a.tsx", "typescriptreact"],
  ["a.py", "python"],
  ["A.PYI", "python"],
  ["a.h", "c"],
  ["a.hxx", "cpp"],
  ["A.java", "java"],
  ["a.sql", "sql"],
  ["a.constructor", "constructor"],
  ["Makefile", "plaintext"],
  ["a.rs/LICENSE", "plaintext"],
];

for (const [path, languageId] of paths) {
  test(`an editor calls the language of ${path} ${languageId}`, () => {
    assert.equal(languageIdOf(path), languageId);
  });
}

const endings: readonly [string, string][] = [
  ["python", "py"],
  ["shellscript", "sh"],
  ["sql", "sql"],
  ["constructor", "constructor"],
];

for (const [languageId, ending] of endings) {
  test(`a file of ${languageId} ends in .${ending}`, () => {
    assert.equal(endingOf(languageId), ending);
  });
}
