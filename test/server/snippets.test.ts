import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpenDocument } from "../../server/completion/request.ts";
import { SnippetChoice, type View } from "../../server/completion/snippets.ts";
import { Passages } from "../../server/repository/passages.ts";

const open = (text: string, relativePath = "a.ts"): OpenDocument => ({
  uri: `file:///${relativePath}`,
  relativePath,
  languageId: "typescript",
  text,
});

const view = (before: string, after = "", start = 0, suffix = after): View => ({
  before,
  after,
  start,
  suffix,
});

function choiceFrom(files: Readonly<Record<string, string>>) {
  const passages = new Passages();
  for (const [path, text] of Object.entries(files)) passages.set(`/r/${path}`, path, text);
  return { choice: new SnippetChoice(() => passages), passages };
}

const filler = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `filler${from + i}();\n`).join("");

const WHEEL = "function turnWheel(wheel) {\n  return wheel.axle.angle;\n}\n";

/** What stands near the cursor, what else there is, and what is quoted, the likest last. */
const CASES: readonly {
  readonly what: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly others?: readonly OpenDocument[];
  readonly view: View;
  readonly quoted: readonly [path: string, part: string][];
}[] = [
  {
    what: "a file that speaks of the same things, not one that speaks of others",
    files: { "b.ts": filler(0, 40) + WHEEL + filler(40, 40), "c.ts": "const other = 1;\n" },
    view: view("wheel.axle."),
    quoted: [["b.ts", "turnWheel"]],
  },
  {
    what: "at most two, of the likest files",
    files: {
      "b.ts": "one(wheel);\n",
      "c.ts": "two(wheel, axle);\n",
      "d.ts": "three(wheel, axle, angle);\n",
    },
    view: view("wheel axle angle"),
    quoted: [
      ["c.ts", "two(wheel, axle)"],
      ["d.ts", "angle"],
    ],
  },
  {
    what: "an open document as it is in the editor",
    others: [open(`// unsaved\n${WHEEL}`, "b.ts")],
    view: view("wheel.axle."),
    quoted: [["b.ts", "unsaved"]],
  },
  {
    what: "no file of another language",
    files: { "b.py": "wheel.axle.angle\n", "b.tsx": "one(wheel.axle);\n" },
    view: view("wheel.axle."),
    quoted: [["b.tsx", "one(wheel.axle)"]],
  },
  {
    what: "the document's own far parts, before and after what is read of it",
    view: view(
      `${WHEEL}${filler(0, 100)}wheel.`,
      `\n${filler(100, 40)}const axle = wheel.axle;\n`,
      WHEEL.length + 10,
      `\n${filler(100, 10)}`,
    ),
    quoted: [
      ["a.ts", "const axle = wheel.axle;"],
      ["a.ts", "turnWheel"],
    ],
  },
  {
    what: "nothing that is read anyway, and nothing twice",
    files: { "b.ts": WHEEL, "c.ts": WHEEL, "d.ts": `${WHEEL}wheel axle angle\n` },
    view: view(`${WHEEL}wheel axle angle`),
    quoted: [],
  },
  {
    what: "nothing where there is nothing to compare",
    files: { "b.ts": "wheel\n" },
    view: view("", ""),
    quoted: [],
  },
  { what: "nothing of empty texts", files: { "b.ts": "", "c.ts": "\n\n" }, view: view("wheel"), quoted: [] },
];
for (const { what, files = {}, others = [], view: seen, quoted } of CASES) {
  test(`quoted is ${what}`, () => {
    const { choice } = choiceFrom(files);
    const snippets = choice.choose(seen, open(seen.before + seen.after), others);
    assert.deepEqual(
      snippets.map(({ relativePath }) => relativePath),
      quoted.map(([path]) => path),
    );
    for (const [i, [, part]] of quoted.entries())
      assert.ok(snippets[i]?.text.includes(part), snippets[i]?.text);
  });
}

const DOCUMENT = open("wheel");
const lines = (count: number) => "wheel\n".repeat(count);

/** What is asked one after the other, and whether the last answer is a new choice. */
const CHOICES: readonly [what: string, steps: (choice: SnippetChoice) => void, then: View, isNew: boolean][] =
  [
    ["a keystroke while another document changes", () => undefined, view("wheel"), false],
    ["some lines", () => undefined, view(lines(32)), false],
    ["another beginning of what is read", () => undefined, view(lines(32), "", 6), true],
    ["another place far away", () => undefined, view(lines(33)), true],
    [
      "coming back from another document",
      (choice) => choice.choose(view("b"), open("b", "b.ts"), [DOCUMENT]),
      view("wheel"),
      true,
    ],
  ];
for (const [what, steps, then, isNew] of CHOICES) {
  test(`after ${what} the choice is ${isNew ? "made anew" : "the one before"}`, () => {
    const { choice } = choiceFrom({});
    const first = choice.choose(view("wheel"), DOCUMENT, [open("wheel one", "b.ts")]);
    steps(choice);
    const second = choice.choose(then, DOCUMENT, [open("wheel two", "b.ts")]);
    assert.equal(second !== first, isNew);
    assert.equal(second[0]?.text, isNew ? "wheel two" : "wheel one");
  });
}

test("coming back from another document changes nothing where no text changed, whatever the order of use", () => {
  const { choice } = choiceFrom({});
  const [b, c] = [open("b\n", "b.ts"), open("c\n", "c.ts")];
  const first = choice.choose(view("x"), DOCUMENT, [b, c]);
  choice.choose(view("x"), b, [DOCUMENT, c]);
  assert.equal(choice.choose(view("x"), DOCUMENT, [c, b]), first);
});

test("a choice of long ago does not come back with its place", () => {
  const { choice } = choiceFrom({});
  choice.choose(view("wheel"), DOCUMENT, [open("wheel one", "b.ts")]);
  choice.choose(view(lines(40)), DOCUMENT, [open("wheel two", "b.ts")]);
  assert.equal(choice.choose(view("wheel"), DOCUMENT, [open("wheel three", "b.ts")])[0]?.text, "wheel three");
});

test("what may not be quoted any more is not, in the middle of typing", () => {
  const { choice, passages } = choiceFrom({ "b.ts": "wheel file\n" });
  const others = [open("turn(wheel, axle);", "c.ts")];
  const paths = (from: readonly OpenDocument[]) =>
    choice.choose(view("wheel axle"), DOCUMENT, from).map(({ relativePath }) => relativePath);
  assert.deepEqual(paths(others), ["b.ts", "c.ts"]);
  passages.delete("/r/b.ts");
  assert.deepEqual(paths(others), ["c.ts"]);
  assert.deepEqual(paths([]), []);
});
