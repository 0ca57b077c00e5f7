import assert from "node:assert/strict";
import { test } from "node:test";
import { completesLanguage, withLanguage, withoutLanguage } from "../../extension/languages.ts";

const cases = [
  { languages: ["*"], completed: true, off: ["*", "!python"], on: ["*"] },
  { languages: ["*", "!python"], completed: false, off: ["*", "!python"], on: ["*"] },
  { languages: ["python"], completed: true, off: [], on: ["python"] },
  { languages: ["go"], completed: false, off: ["go"], on: ["go", "python"] },
  { languages: [], completed: false, off: [], on: ["python"] },
  { languages: ["python", "!python"], completed: false, off: ["!python"], on: ["python"] },
] as const;

for (const { languages, completed, off, on } of cases) {
  test(`python in ${JSON.stringify(languages)}`, () => {
    assert.equal(completesLanguage(languages, "python"), completed);
    assert.deepEqual(withoutLanguage(languages, "python"), off);
    assert.deepEqual(withLanguage(languages, "python"), on);
    assert.equal(completesLanguage(withoutLanguage(languages, "python"), "python"), false);
    assert.equal(completesLanguage(withLanguage(languages, "python"), "python"), true);
  });
}
