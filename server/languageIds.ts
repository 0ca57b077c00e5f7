/** Languages as editors name them, and how the names of their files end. */
import { extname } from "node:path";

/** The usual ending first; a language is not here whose id is its only ending, like java, go or sql. */
const ENDINGS: Readonly<Record<string, string>> = {
  c: "c h",
  clojure: "clj cljs cljc",
  cpp: "cpp cc cxx hpp hh hxx",
  csharp: "cs",
  "cuda-cpp": "cu cuh",
  elixir: "ex exs",
  erlang: "erl hrl",
  fsharp: "fs fsx",
  haskell: "hs",
  javascript: "js mjs cjs",
  javascriptreact: "jsx",
  julia: "jl",
  kotlin: "kt kts",
  latex: "tex",
  markdown: "md",
  "objective-c": "m",
  "objective-cpp": "mm",
  ocaml: "ml mli",
  perl: "pl pm",
  plaintext: "txt",
  powershell: "ps1 psm1",
  python: "py pyi",
  restructuredtext: "rst",
  ruby: "rb",
  rust: "rs",
  shellscript: "sh bash zsh",
  typescript: "ts mts cts",
  typescriptreact: "tsx",
  yaml: "yaml yml",
};

const ENDINGS_OF = new Map(Object.entries(ENDINGS).map(([id, endings]) => [id, endings.split(" ")]));
const ID_OF = new Map([...ENDINGS_OF].flatMap(([id, endings]) => endings.map((ending) => [ending, id])));

/** Of a file that no editor has open: the ending itself where it is not known. */
export function languageIdOf(path: string): string {
  const ending = extname(path).slice(1).toLowerCase();
  return ending === "" ? "plaintext" : (ID_OF.get(ending) ?? ending);
}

/** Without the dot: the id itself where it is not known. */
export function endingOf(languageId: string): string {
  return ENDINGS_OF.get(languageId)?.[0] ?? languageId;
}
