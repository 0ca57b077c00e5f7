/** Which files a document imports, judged by its text and their paths: whole names are compared, never parts of one. */
import { posix } from "node:path";
import {
  type Reader,
  readDart,
  readDotted,
  readGo,
  readInclude,
  readLua,
  readPhp,
  readPython,
  readRuby,
  readRust,
  readScript,
} from "./importReaders.ts";

/** Imports stand at the beginning of a file, but for those that are made when they are needed. */
const MOST_CHARACTERS = 64 * 1024;

interface Family {
  readonly read: Reader;
  /** Comments, and strings so that no comment is seen in one: what the first group holds stays. */
  readonly lexemes: RegExp;
  /** Files that are imported without their extension. */
  readonly files?: RegExp;
  /** A file that is imported by the name of its folder. */
  readonly folder?: RegExp;
}

const SLASHES = /((["'])(?:\\.|(?!\2)[^\\\n])*\2|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
/** Where a quote may stand alone: lifetimes, characters. */
const SLASHES_AND_QUOTES = /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const HASHES = /(?:"""[\s\S]*?"""|'''[\s\S]*?''')|((["'])(?:\\.|(?!\2)[^\\\n])*\2)|#[^\n]*/g;
const DASHES = /((["'])(?:\\.|(?!\2)[^\\\n])*\2)|--\[\[[\s\S]*?\]\]|--[^\n]*/g;

const SCRIPT: Family = {
  read: readScript,
  lexemes: SLASHES,
  files: /(\.d)?\.([cm]?[jt]sx?|vue|svelte|astro|json)$/,
  folder: /^index\.[cm]?[jt]sx?$/,
};
const INCLUDES: Family = { read: readInclude, lexemes: SLASHES_AND_QUOTES };
const DOTTED: Family = { read: readDotted, lexemes: SLASHES, files: /\.(java|kts?|scala|groovy)$/ };

const FAMILIES: Readonly<Record<string, Family>> = {
  javascript: SCRIPT,
  javascriptreact: SCRIPT,
  typescript: SCRIPT,
  typescriptreact: SCRIPT,
  vue: SCRIPT,
  svelte: SCRIPT,
  astro: SCRIPT,
  python: { read: readPython, lexemes: HASHES, files: /\.pyi?$/, folder: /^__init__\.pyi?$/ },
  go: { read: readGo, lexemes: SLASHES, folder: /\.go$/ },
  rust: { read: readRust, lexemes: SLASHES_AND_QUOTES, files: /\.rs$/, folder: /^(mod|lib|main)\.rs$/ },
  c: INCLUDES,
  cpp: INCLUDES,
  "cuda-cpp": INCLUDES,
  "objective-c": INCLUDES,
  "objective-cpp": INCLUDES,
  java: DOTTED,
  kotlin: DOTTED,
  scala: DOTTED,
  groovy: DOTTED,
  haskell: { read: readDotted, lexemes: DASHES, files: /\.l?hs$/ },
  ruby: { read: readRuby, lexemes: HASHES, files: /\.rb$/ },
  php: { read: readPhp, lexemes: SLASHES, files: /\.php$/ },
  lua: { read: readLua, lexemes: DASHES, files: /\.lua$/, folder: /^init\.lua$/ },
  dart: { read: readDart, lexemes: SLASHES },
};

export interface Source {
  readonly languageId: string;
  /** With forward slashes. */
  readonly relativePath: string;
  readonly text: string;
}

/** Tells of a path, relative like the source's own, whether the source imports its file. */
export function importedBy({ languageId, relativePath, text }: Source): (path: string) => boolean {
  const family = Object.hasOwn(FAMILIES, languageId) ? FAMILIES[languageId] : undefined;
  if (!family) return () => false;
  const head = text.slice(0, MOST_CHARACTERS).replaceAll("\r\n", "\n");
  const code = head.replace(family.lexemes, (_, literal?: string) => literal ?? " ");
  const imports = [...new Set(family.read(code, relativePath))].filter((path) => path !== "");
  // Thousands of paths are asked about; few end like an import.
  const ends = new Set(imports.map((imported) => posix.basename(imported)));
  return (path) => {
    const names = namesOf(path, family)
      .filter((name) => ends.has(name === "." ? "" : posix.basename(name)))
      .map((name) => posix.join("/", name));
    return imports.some((imported) =>
      names.some((name) => (imported.startsWith("/") ? name === imported : name.endsWith(`/${imported}`))),
    );
  };
}

/** What a file is called when it is imported. */
function namesOf(path: string, { files, folder }: Family): string[] {
  const names = [path];
  if (files?.test(path)) names.push(path.replace(files, ""));
  if (folder?.test(posix.basename(path))) names.push(posix.dirname(path));
  return names;
}
