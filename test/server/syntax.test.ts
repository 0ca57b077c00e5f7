import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { randomSource, shuffled } from "../../scripts/eval/random.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { editBetween } from "../../server/syntax/textEdit.ts";
import { type ParsedDocument, SyntaxTrees } from "../../server/syntax/trees.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => assert.fail(String(cause)));
after(() => syntax.dispose());

let documents = 0;
const document = (languageId: string, text: string): ParsedDocument => ({
  uri: `test:${documents++}`,
  languageId,
  relativePath: "a",
  text,
});

/** The cursor is at "¦". */
async function siteAt(languageId: string, marked: string) {
  const site = await syntax.siteAt(document(languageId, marked.replace("¦", "")), marked.indexOf("¦"));
  assert.ok(site);
  return site;
}

const comments: readonly (readonly [language: string, marked: string, isComment: boolean])[] = [
  ["typescript", "f(); // because¦", true],
  ["typescript", "f(); // because¦\ng();", true],
  ["typescript", "/* because¦ */ f();", true],
  ["typescript", "/* because */¦", false],
  ["typescript", "/* because */ f¦", false],
  ["typescript", "/** of a\n * function¦", false],
  ["typescript", "/** of a\n * function¦\n */", true],
  ["typescript", "// because\nf¦", false],
  ["typescript", 'f("// because¦")', false],
  ["python", "a = 1  # because¦\n", true],
  ["python", 'a = "# because¦"\n', false],
  ["html", "<!-- because¦ -->", true],
  ["html", "<!-- because --><b¦", false],
  ["lua", "-- because¦", true],
  ["haskell", "-- because¦\n", true],
  ["rust", "/// because¦\nfn f() {}", true],
  ["css", "/* because¦ */", true],
  ["yaml", "a: 1 # because¦\n", true],
];
for (const [language, marked, isComment] of comments) {
  test(`${isComment ? "a" : "no"} comment: ${language}, ${JSON.stringify(marked)}`, async () => {
    const site = await siteAt(language, marked);
    assert.equal(site.isInComment(), isComment);
    site.dispose();
  });
}

test("a language without a grammar, and a document too long to parse, have no site", async () => {
  assert.equal(await syntax.siteAt(document("clojure", "(f a)"), 2), undefined);
  assert.equal(await syntax.siteAt(document("typescript", "f();\n".repeat(300_000)), 2), undefined);
});

test("a grammar that is missing is told once, and its language is as one without", async () => {
  const problems: unknown[] = [];
  const broken = new SyntaxTrees("/nowhere", (cause) => problems.push(cause));
  assert.equal(await broken.siteAt(document("typescript", "f()"), 1), undefined);
  assert.equal(await broken.siteAt(document("typescript", "f()"), 1), undefined);
  assert.equal(problems.length, 1);
  broken.dispose();
});

const edits = [
  ["a\nb\nc", "a\nbx\nc", 3, 3, 4],
  ["aaa", "aaaa", 3, 3, 4],
  ["aaaa", "aaa", 3, 4, 3],
  ["", "ab", 0, 0, 2],
  ["a\nb\nc", "c", 0, 4, 0],
  ["a".repeat(9000), `${"a".repeat(9000)}b`, 9000, 9000, 9001],
  ["a".repeat(9000), `b${"a".repeat(9000)}`, 0, 0, 1],
  [`${"a".repeat(5000)}\n${"b".repeat(5000)}`, `${"a".repeat(5000)}${"b".repeat(5000)}`, 5000, 5001, 5000],
] as const;
for (const [before, now, start, oldEnd, newEnd] of edits) {
  test(`from ${JSON.stringify(before.slice(-20))} to ${JSON.stringify(now.slice(-20))} is one edit`, () => {
    const edit = editBetween(before, now);
    assert.deepEqual([edit?.startIndex, edit?.oldEndIndex, edit?.newEndIndex], [start, oldEnd, newEnd]);
    assert.equal(edit?.newEndPosition.row, now.slice(0, newEnd).split("\n").length - 1);
    assert.equal(edit?.oldEndPosition.row, before.slice(0, oldEnd).split("\n").length - 1);
  });
}

const FILLER = Array.from({ length: 200 }, (_, i) => `    "name ${i}": ${i},\n`).join("");
const operands: readonly (readonly [language: string, before: string, after: string])[] = [
  ["python", "all = join(\n    first()\n    | second\n    | {\n", "    },\n)\n"],
  ["python", "all = (\n    first\n    if second\n    else {\n", "    }\n)\n"],
  ["typescript", "all(\n  first\n    .second()\n    .with({\n", "    }),\n);\n"],
  ["typescript", "all(\n  first\n    ? second\n    : {\n", "    },\n);\n"],
];
for (const [languageId, before, after] of operands) {
  test(`an operator far away keeps its operand: ${JSON.stringify(before)}`, async () => {
    const whole = document(languageId, before + FILLER + after);
    await syntax.settled(whole);
    const site = await syntax.siteAt(whole, before.length + FILLER.length);
    assert.equal(site?.cost("", 0), 0);
    site?.dispose();
  });
}

test("what is left of a long document parses as the document does, also while a line in it is broken", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomSource(seed);
  const files = globSync("{server,model,media,scripts}/**/*.{ts,py}", { cwd: ROOT });
  for (const path of shuffled(files, random).slice(0, 40)) {
    // The first line of a program for the shell may not stand twice.
    const text = readFileSync(join(ROOT, path), "utf8").replace(/^#!.*/, "").repeat(3);
    const whole = document(extname(path).slice(1), text);
    await syntax.settled(whole);
    const end = text.indexOf("\n", Math.floor(random() * (text.length - 1)));
    const start = text.lastIndexOf("\n", end - 1) + 1;
    const cut = start + Math.floor(random() * (end - start));
    // What is typed reaches the tree as an edit alone; it is parsed only later.
    const site = await syntax.siteAt({ ...whole, text: text.slice(0, cut) + text.slice(end) }, cut);
    assert.ok(site, `${path}, seed ${seed}`);
    assert.equal(site.cost(text.slice(cut, end), 0), 0, `${path} at ${cut}, seed ${seed}`);
    site.dispose();
  }
});
