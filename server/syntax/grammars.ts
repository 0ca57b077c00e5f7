/** Grammars by language: WebAssembly that comes with the package, loaded when a document of the language is first met. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Language, Parser } from "web-tree-sitter";

/** Languages as editors name them, then as files end; a grammar's file is tree-sitter-NAME.wasm. */
const GRAMMAR_OF: Readonly<Record<string, string>> = {
  bash: "bash shellscript sh zsh",
  c: "c h",
  "c-sharp": "csharp cs",
  cpp: "cpp cc cxx hpp hh cuda-cpp cu",
  css: "css",
  go: "go",
  haskell: "haskell hs",
  html: "html vue svelte",
  java: "java",
  javascript: "javascript javascriptreact js jsx mjs cjs",
  json: "json jsonc",
  kotlin: "kotlin kt kts",
  lua: "lua",
  php: "php",
  powershell: "powershell ps1",
  python: "python py pyi",
  ruby: "ruby rb",
  rust: "rust rs",
  scala: "scala",
  toml: "toml",
  tsx: "typescriptreact tsx",
  typescript: "typescript ts mts cts",
  yaml: "yaml yml",
};

const NAME_OF = new Map(
  Object.entries(GRAMMAR_OF).flatMap(([name, languages]) => languages.split(" ").map((id) => [id, name])),
);

export class Grammars {
  readonly #folder: string;
  readonly #onProblem: (cause: unknown) => void;
  readonly #languages = new Map<string, Promise<Language | undefined>>();
  #library: Promise<void> | undefined;

  /** `folder` has the library's own file, too. A grammar that does not load is told once, and its language is as one without. */
  constructor(folder: string, onProblem: (cause: unknown) => void) {
    this.#folder = folder;
    this.#onProblem = onProblem;
  }

  /** undefined where there is no grammar. */
  of(languageId: string): Promise<Language | undefined> | undefined {
    const name = NAME_OF.get(languageId);
    if (name === undefined) return undefined;
    const known = this.#languages.get(name) ?? this.#load(name);
    this.#languages.set(name, known);
    return known;
  }

  async #load(name: string): Promise<Language | undefined> {
    try {
      this.#library ??= Parser.init({ locateFile: (file: string) => join(this.#folder, file) });
      await this.#library;
      return await Language.load(await readFile(join(this.#folder, `tree-sitter-${name}.wasm`)));
    } catch (cause) {
      this.#onProblem(cause);
      return undefined;
    }
  }
}
