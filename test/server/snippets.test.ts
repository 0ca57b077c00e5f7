import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpenDocument } from "../../server/completion/request.ts";
import { chooseSnippets, SnippetChoice } from "../../server/completion/snippets.ts";

const open = (text: string, relativePath = "a.ts", editedLine: number | undefined = 0): OpenDocument => ({
  uri: `file:///${relativePath}`,
  relativePath,
  languageId: "typescript",
  text,
  editedLine,
});

const unedited = (text: string, relativePath: string): OpenDocument => ({
  ...open(text, relativePath),
  editedLine: undefined,
});

test("imported documents, then edited ones of the language; secrets never", () => {
  const document = open('import {\n  a,\n} from "./other";\n');
  const others = [
    open("const edited = 1;\n", "edited.ts"),
    unedited("const other = 1;\n", "other.ts"),
    open("SECRET=1\n", ".env"),
    unedited("unseen = 1\n", "unseen.ts"),
    unedited("const the = 1;\n", "the.ts"),
  ];
  assert.deepEqual(
    chooseSnippets(document, others).map(({ relativePath }) => relativePath),
    ["edited.ts", "other.ts"],
  );
});

const DOCUMENT = open("x");

/** What is asked one after the other, and whether the last answer is a new choice. */
const CHOICES: readonly [
  what: string,
  steps: (choice: SnippetChoice) => void,
  start: number,
  isNew: boolean,
][] = [
  ["a keystroke while another document changes", () => undefined, 0, false],
  ["another place", () => undefined, 4500, true],
  ["coming back from another document", (choice) => choice.choose(0, open("b", "b.ts"), [DOCUMENT]), 0, true],
];
for (const [what, steps, start, isNew] of CHOICES) {
  test(`after ${what} the choice is ${isNew ? "made anew" : "the one before"}`, () => {
    const choice = new SnippetChoice();
    const first = choice.choose(0, DOCUMENT, [open("one", "b.ts")]);
    steps(choice);
    const second = choice.choose(start, DOCUMENT, [open("two", "b.ts")]);
    assert.equal(second !== first, isNew);
    assert.equal(second[0]?.text, isNew ? "two\n" : "one\n");
  });
}

test("coming back from another document changes nothing where no text changed, whatever the order of use", () => {
  const choice = new SnippetChoice();
  const [b, c] = [open("b\n", "b.ts"), open("c\n", "c.ts")];
  const first = choice.choose(0, DOCUMENT, [b, c]);
  choice.choose(0, b, [DOCUMENT, c]);
  assert.equal(choice.choose(0, DOCUMENT, [c, b]), first);
});

test("a choice of long ago does not come back with its place", () => {
  const choice = new SnippetChoice();
  choice.choose(0, DOCUMENT, [open("one", "b.ts")]);
  choice.choose(4500, DOCUMENT, [open("two", "b.ts")]);
  assert.equal(choice.choose(0, DOCUMENT, [open("three", "b.ts")])[0]?.text, "three\n");
});
