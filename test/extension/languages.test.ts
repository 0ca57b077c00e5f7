import assert from "node:assert/strict";
import { test } from "node:test";
import { isLanguageEnabled, withLanguage, withoutLanguage } from "../../protocol/languages.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { reasonNotToAsk } from "../../server/completion/worthAsking.ts";

const cases = [
  { languages: ["*"], enabled: true, off: ["*", "!python"], on: ["*"] },
  { languages: ["*", "!python"], enabled: false, off: ["*", "!python"], on: ["*"] },
  { languages: ["*", "python"], enabled: true, off: ["*", "!python"], on: ["*", "python"] },
  { languages: ["!markdown"], enabled: true, off: ["!markdown", "!python"], on: ["!markdown"] },
  { languages: ["!python"], enabled: false, off: ["!python"], on: ["*"] },
  { languages: ["!markdown", "!python"], enabled: false, off: ["!markdown", "!python"], on: ["!markdown"] },
  { languages: ["python"], enabled: true, off: [], on: ["python"] },
  { languages: ["go"], enabled: false, off: ["go"], on: ["go", "python"] },
  { languages: ["go", "!markdown"], enabled: false, off: ["go"], on: ["go", "python"] },
  { languages: ["python", "!markdown"], enabled: true, off: [], on: ["python"] },
  { languages: [], enabled: false, off: [], on: ["python"] },
  { languages: ["python", "!python"], enabled: false, off: [], on: ["python"] },
] as const;

for (const { languages, enabled, off, on } of cases) {
  const all = JSON.stringify(languages);
  test(`python is ${enabled ? "on" : "off"} in ${all}, for the server too`, () => {
    assert.equal(isLanguageEnabled(languages, "python"), enabled);
    const question = { forbidden: undefined, lineBefore: "", lineAfter: "", manual: false };
    const reason = reasonNotToAsk({ ...question, languageId: "python" }, { ...DEFAULT_SETTINGS, languages });
    assert.equal(reason === undefined, enabled);
  });

  test(`python is switched off and on in ${all}, and no other language`, () => {
    assert.deepEqual(withoutLanguage(languages, "python"), off);
    assert.deepEqual(withLanguage(languages, "python"), on);
    assert.equal(isLanguageEnabled(off, "python"), false);
    assert.equal(isLanguageEnabled(on, "python"), true);
    for (const other of ["go", "markdown", "rust"]) {
      const before = isLanguageEnabled(languages, other);
      assert.deepEqual(
        [isLanguageEnabled(off, other), isLanguageEnabled(on, other)],
        [before, before],
        other,
      );
    }
  });
}
