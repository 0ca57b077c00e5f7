// The list of language ids in the settings: "*" is every language, "!markdown" takes one out.

export function completesLanguage(languages: readonly string[], id: string): boolean {
  if (languages.includes(`!${id}`)) return false;
  return languages.includes("*") || languages.includes(id);
}

export function withLanguage(languages: readonly string[], id: string): readonly string[] {
  const allowed = languages.filter((entry) => entry !== `!${id}`);
  return completesLanguage(allowed, id) ? allowed : [...allowed, id];
}

export function withoutLanguage(languages: readonly string[], id: string): readonly string[] {
  const others = languages.filter((entry) => entry !== id);
  return completesLanguage(others, id) ? [...others, `!${id}`] : others;
}
