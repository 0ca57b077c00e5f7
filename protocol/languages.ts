/** The setting "languages": "*" is every language, "!markdown" takes one out; nothing but exclusions leaves all the others. */

export function isLanguageEnabled(languages: readonly string[], id: string): boolean {
  if (languages.includes(`!${id}`)) return false;
  return hasEveryOther(languages) || languages.includes(id);
}

/** The same list, but for this language. */
export function withLanguage(languages: readonly string[], id: string): readonly string[] {
  if (!hasEveryOther(languages)) return [...enabledOf(languages, id), id];
  const left = languages.filter((entry) => entry !== `!${id}`);
  // An empty list would be none at all.
  return left.length > 0 ? left : ["*"];
}

/** The same list, but for this language. */
export function withoutLanguage(languages: readonly string[], id: string): readonly string[] {
  if (!hasEveryOther(languages)) return enabledOf(languages, id);
  return [...languages.filter((entry) => entry !== id && entry !== `!${id}`), `!${id}`];
}

/** Whether languages that the list does not name are enabled. */
function hasEveryOther(languages: readonly string[]): boolean {
  if (languages.includes("*")) return true;
  return languages.length > 0 && languages.every((entry) => entry.startsWith("!"));
}

/** The ids by name, without one and without exclusions, which alone would enable all the others. */
function enabledOf(languages: readonly string[], without: string): string[] {
  const names = languages.filter((entry) => entry !== without && !entry.startsWith("!"));
  return names.filter((entry) => isLanguageEnabled(languages, entry));
}
