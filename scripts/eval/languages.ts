/** The languages that figures are reported for, by the ending of a file's name. */
import { extname } from "node:path";

const ENDINGS = {
  Python: [".py", ".pyi"],
  TypeScript: [".ts", ".mts", ".cts", ".tsx"],
  JavaScript: [".js", ".mjs", ".cjs", ".jsx"],
  Go: [".go"],
  Rust: [".rs"],
  "C and C++": [".c", ".h", ".cc", ".cxx", ".cpp", ".hh", ".hxx", ".hpp"],
  Java: [".java"],
} as const;

export type Language = keyof typeof ENDINGS;

export const LANGUAGES = Object.keys(ENDINGS) as readonly Language[];

/** undefined: not a programming language that is reported. */
export function languageOf(path: string): Language | undefined {
  const ending = extname(path);
  return LANGUAGES.find((language) => (ENDINGS[language] as readonly string[]).includes(ending));
}
