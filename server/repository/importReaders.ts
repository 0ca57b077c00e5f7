/**
 * The imports of a text, language by language. A reader gives paths: "/src/a" is a whole one, "pkg/a" the end of one; without
 * extension where the language leaves it out.
 */
import { posix } from "node:path";

/** Longer than a list of imported names: an expression that finds no end gives up here. */
const STATEMENT = 4000;

/** `code` has line feeds only and no comments; `path` is the file's own, relative and with forward slashes. */
export type Reader = (code: string, path: string) => string[];

const SCRIPT_SPECIFIER = new RegExp(
  `(?:\\b(?:import|export)\\b[^'"\`;]{0,${STATEMENT}}?\\bfrom\\s*|\\b(?:import|require)\\s*\\(\\s*|\\bimport\\s*)` +
    `["'\`]([^"'\`\\n]+)["'\`]`,
  "g",
);
/** What bundlers and compilers let stand for a folder of sources. */
const ALIAS = /^(?:[@~]\/|#\/?|\$\w+\/)/;

/** import ... from "a", import("a"), require("a"), export ... from "a". A bare name is a package, no file. */
export const readScript: Reader = (code, path) =>
  captures(code, SCRIPT_SPECIFIER).flatMap((written) => {
    const specifier = written.replace(/\?.*$/, "");
    const alias = ALIAS.exec(specifier)?.[0];
    if (specifier.startsWith(".")) return withoutScriptExtension(beside(path, specifier));
    if (alias !== undefined) return withoutScriptExtension([specifier.slice(alias.length)]);
    return specifier.includes("/") ? withoutScriptExtension([specifier]) : [];
  });

/** TypeScript writes "./a.js" for a.ts. */
function withoutScriptExtension(paths: readonly string[]): string[] {
  return paths.flatMap((path) => [path, path.replace(/\.[cm]?jsx?$/, "")]);
}

/** import a.b, c; from .a import b, c; from . import (a, b). */
export const readPython: Reader = (code, path) => {
  const joined = code.replaceAll("\\\n", " ");
  const from = new RegExp(
    `^[ \\t]*from[ \\t]+(\\.*)([\\w.]*)[ \\t]+import[ \\t]*(\\([^)]{0,${STATEMENT}}\\)|[^\\n;]+)`,
    "gm",
  );
  const modules = captures(joined, /^[ \t]*import[ \t]+([^\n;]+)/gm).flatMap(firstWords);
  const named = [...joined.matchAll(from)].flatMap(([, dots = "", module = "", names = ""]) => {
    const base = dots === "" ? "" : (beside(path, "./".concat("../".repeat(dots.length - 1)))[0] ?? "");
    const whole = [base, ...module.split(".").filter((part) => part !== "")].filter((part) => part !== "");
    const inside = firstWords(names.replace(/[()]/g, "")).filter((name) => name !== "*");
    return [whole, ...inside.map((name) => [...whole, name])].map((parts) =>
      posix.normalize(parts.join("/")),
    );
  });
  return [...modules.map((module) => module.replaceAll(".", "/")), ...named];
};

/** Packages are folders; of their address the repository has the end. */
export const readGo: Reader = (code) => {
  const blocks = captures(code, new RegExp(`^import\\s*\\(([^)]{0,${STATEMENT}})\\)`, "gm"));
  const inBlocks = blocks.flatMap((block) => captures(block, /["`]([^"`\n]+)["`]/g));
  const single = captures(code, /^import[ \t]+(?:[\w.]+[ \t]+)?["`]([^"`\n]+)["`]/gm);
  return [...inBlocks, ...single].flatMap((address) => {
    const parts = address.split("/");
    return parts.length > 1 ? [parts.slice(-2).join("/"), `/${parts.at(-1)}`] : [];
  });
};

/** mod a; use crate::a::{b, c::D}; use super::a. Other crates are none of the repository's files. */
export const readRust: Reader = (code, path) => {
  const { dir, name } = posix.parse(path);
  const module = /^(mod|lib|main)$/.test(name) ? dir : posix.join(dir, name);
  const source = dir.split("/").lastIndexOf("src");
  const crate =
    source < 0
      ? dir
      : dir
          .split("/")
          .slice(0, source + 1)
          .join("/");
  const children = captures(code, /\bmod\s+(\w+)\s*;/g).map((child) => `/${posix.join(module, child)}`);
  const used = captures(code, new RegExp(`\\buse\\s+([^;]{1,${STATEMENT}});`, "g"))
    .flatMap((tree) => branches(tree, "::"))
    .flatMap((use) => {
      const parts = use.split("::");
      let base = module;
      if (parts[0] === "crate") base = crate;
      if (parts[0] === "crate" || parts[0] === "self") parts.shift();
      for (; parts[0] === "super"; parts.shift()) base = posix.dirname(base);
      // The last part may be an item of any of the modules before it.
      return [base, ...parts.map((_, i) => posix.join(base, ...parts.slice(0, i + 1)))];
    });
  return [...children, ...used.filter((use) => use !== module).map((use) => `/${use}`)];
};

/** #include "a.h", #import <A/b.h>. */
export const readInclude: Reader = (code, path) =>
  captures(code, /^[ \t]*#[ \t]*(?:include|include_next|import)[ \t]*["<]([^">\n]+)[">]/gm).flatMap(
    (file) => [...beside(path, file), file.replace(/^(?:\.\.?\/)+/, "")],
  );

/** import a.b.C, import static a.b.C.d: classes are files, packages folders. */
export const readDotted: Reader = (code) =>
  captures(code, /^[ \t]*import[ \t]+(?:static[ \t]+|qualified[ \t]+)?([\w.]+)/gm)
    .map((name) => name.split(".").filter((part) => part !== ""))
    .filter((parts) => parts.length > 1)
    .flatMap((parts) => [parts, ...(parts.length > 2 ? [parts.slice(0, -1)] : [])])
    .map((parts) => parts.join("/"));

export const readRuby: Reader = (code, path) => [
  ...captures(code, /\brequire_relative[ (]+["']([^"'\n]+)["']/g).flatMap((file) => beside(path, file)),
  ...captures(code, /\brequire[ (]+["']([^"'\n]+)["']/g),
];

/** use A\B\{C, D}: the first parts are a prefix that composer.json maps; require __DIR__ . "/a.php". */
export const readPhp: Reader = (code, path) => [
  ...captures(code, new RegExp(`^[ \\t]*use\\s+(?:function\\s+|const\\s+)?([^;()]{1,${STATEMENT}});`, "gm"))
    .flatMap((tree) => branches(tree, "\\"))
    .map((name) => name.split("\\").slice(-2).join("/")),
  ...captures(code, /\b(?:require|include)(?:_once)?[ (]+(?:__DIR__\s*\.\s*)?["']\/?([^"'\n]+)["']/g).flatMap(
    (file) => beside(path, file),
  ),
];

/** require("a.b"). */
export const readLua: Reader = (code) =>
  captures(code, /\brequire[ (]*["']([^"'\n]+)["']/g).map((module) => module.replaceAll(".", "/"));

/** import "a.dart", import "package:shop/a.dart". */
export const readDart: Reader = (code, path) =>
  captures(code, /^[ \t]*(?:import|export|part)[ \t]+["']([^"'\n]+)["']/gm).flatMap((file) => {
    const [, inPackage] = /^package:\w+\/(.+)$/.exec(file) ?? [];
    return inPackage === undefined ? beside(path, file) : [`lib/${inPackage}`];
  });

/** The whole path of what is written relative to a file; none where it leaves the root. */
function beside(path: string, relative: string): string[] {
  const joined = posix.join(posix.dirname(path), relative);
  return joined.startsWith("..") ? [] : [posix.join("/", joined).replace(/(.)\/$/, "$1")];
}

/** The first word of each part between commas: what is imported, without its new name. */
function firstWords(list: string): string[] {
  return list
    .split(",")
    .map((part) => part.trim().split(/\s/, 1)[0] ?? "")
    .filter((word) => word !== "");
}

/** a::{b, c::{d}} as a::b and a::c::d. */
function branches(tree: string, separator: string): string[] {
  const open = tree.indexOf("{");
  if (open < 0) return firstWords(tree).map((path) => path.replace(/^(?:::|\\)/, ""));
  const head = tree.slice(0, open).trim();
  const close = tree.lastIndexOf("}");
  return outerParts(tree.slice(open + 1, close < open ? undefined : close))
    .flatMap((part) => branches(part, separator))
    .map((path) => (path === "self" ? head.slice(0, -separator.length) : head + path));
}

/** Cut at the commas that are in no braces. */
function outerParts(list: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < list.length; at++) {
    if (list[at] === "{") depth++;
    else if (list[at] === "}") depth--;
    else if (list[at] === "," && depth === 0) {
      parts.push(list.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, list.slice(start)];
}

function captures(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}
