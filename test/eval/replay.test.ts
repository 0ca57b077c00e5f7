import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answerer, Asked, TypedDocument } from "../../scripts/eval/replay/answerer.ts";
import type { FileEdits } from "../../scripts/eval/replay/edits.ts";
import { replayFigures } from "../../scripts/eval/replay/figures.ts";
import { parseHunks } from "../../scripts/eval/replay/hunks.ts";
import type { Pace } from "../../scripts/eval/replay/pauses.ts";
import { replay } from "../../scripts/eval/replay/session.ts";
import {
  afterInserting,
  beginWriting,
  isWritten,
  keysOf,
  pressKey,
  styleOf,
  type Writing,
} from "../../scripts/eval/replay/typing.ts";

const STYLE = { unit: "  ", quotes: "'", colonOpens: false };

test("A diff's hunks say which lines go and what comes in their place", () => {
  const diff = [
    "diff --git a/a b/a",
    "--- a/a",
    "+++ b/a",
    "@@ -0,0 +1 @@",
    "+first",
    "@@ -3,2 +4,1 @@ function",
    "-x",
    "-y",
    "+++z",
    "@@ -9 +8,0 @@",
    "-gone",
    "\\ No newline at end of file",
    "",
  ].join("\n");
  assert.deepEqual(parseHunks(diff), [
    { line: 0, removed: 0, added: ["first"] },
    { line: 2, removed: 2, added: ["++z"] },
    { line: 8, removed: 1, added: [] },
  ]);
});

/** What stands around the cursor after each key. */
function written(target: string, lineBefore = ""): string[] {
  const seen: string[] = [];
  let writing = beginWriting(target);
  while (!isWritten(writing)) {
    writing = pressKey(writing, lineBefore, STYLE).writing;
    seen.push(`${writing.typed}${writing.slack}|${writing.right}`);
  }
  return seen;
}

test("An editor closes brackets and quotes, and what it closed is typed over", () => {
  assert.deepEqual(written("f(a)"), ["f|", "f(|)", "f(a|)", "f(a)|"]);
  assert.deepEqual(written('"a"'), ['"|"', '"a|"', '"a"|']);
  assert.deepEqual(written("don't"), ["d|", "do|", "don|", "don'|", "don't|"]);
});

test("An editor indents: deeper after an opening bracket, and the bracket closes on a line of its own", () => {
  assert.deepEqual(written("{\n  a\n}"), ["{|}", "{\n  |\n}", "{\n  a|\n}", "{\n  a\n}|"]);
});

test("What the editor indented and closed without need is taken away again", () => {
  assert.deepEqual(written("  a\nb"), ["  |", "  a|", "  a\n  |", "  a\n|", "  a\nb|"]);
  assert.deepEqual(written("(a"), ["(|)", "(a|)", "(a|"]);
});

test("Keys of a text are as many as a person presses", () => {
  assert.equal(keysOf("\n  a();", "", STYLE), 1 + 1 + 4 + 0);
  assert.equal(keysOf("\n  a();", "  b();", STYLE), 1 + 4);
});

const CASES: readonly {
  readonly what: string;
  readonly writing: Partial<Writing>;
  readonly text: string;
  readonly replaced: number;
  readonly after: Partial<Writing> | undefined;
}[] = [
  {
    what: "all of it stands in the edit",
    writing: { typed: "f" },
    text: "(a)",
    replaced: 0,
    after: { typed: "f(a)", right: "" },
  },
  {
    what: "it writes the closer again in its place",
    writing: { typed: "f(", right: ")" },
    text: "a);",
    replaced: 1,
    after: { typed: "f(a);", right: "" },
  },
  {
    what: "it leaves the closer",
    writing: { typed: "f(", right: ")" },
    text: "a",
    replaced: 0,
    after: { typed: "f(a", right: ")" },
  },
  {
    what: "it doubles the closer",
    writing: { typed: "f(", right: ")" },
    text: "a)",
    replaced: 0,
    after: undefined,
  },
  { what: "its end is another", writing: { typed: "f(" }, text: "a, b", replaced: 0, after: undefined },
  { what: "it takes more than closers", writing: { typed: "f(a" }, text: ")", replaced: 1, after: undefined },
  {
    what: "it stands behind indentation that goes",
    writing: { typed: "", slack: "  " },
    text: "f",
    replaced: 0,
    after: undefined,
  },
];

for (const { what, writing, text, replaced, after } of CASES) {
  test(`A shown text is ${after ? "right" : "wrong"} where ${what}`, () => {
    const before = { ...beginWriting("f(a);"), ...writing };
    const result = afterInserting(before, text, replaced, "", STYLE);
    assert.deepEqual(result, after && { ...before, ...after });
  });
}

test("A style is a text's own indentation", () => {
  assert.equal(styleOf("a\n\tb\n\tc\n", "go").unit, "\t");
  assert.equal(styleOf("a\n  b\n    c\n  d\n", "typescript").unit, "  ");
  assert.equal(styleOf("", "python").unit, "    ");
});

/** Answers by what stands to the left of the cursor on its line. */
class Scripted implements Answerer {
  readonly texts = new Map<string, string>();
  readonly saved = new Map<string, string>();
  readonly #answers: Readonly<Record<string, string>>;

  constructor(answers: Readonly<Record<string, string>>) {
    this.#answers = answers;
  }

  open(document: TypedDocument): Promise<void> {
    return this.change(document);
  }

  change({ path, text }: TypedDocument): Promise<void> {
    this.texts.set(path, text);
    return Promise.resolve();
  }

  ask({ text }: TypedDocument, cursor: number): Promise<Asked> {
    const line = text.slice(text.lastIndexOf("\n", cursor - 1) + 1, cursor);
    const answer = this.#answers[line];
    const shown = answer === undefined ? undefined : { text: answer, start: cursor, end: cursor };
    return Promise.resolve({ shown, ms: 10, isCached: false });
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  save({ path, text }: TypedDocument): Promise<void> {
    this.saved.set(path, text);
    return Promise.resolve();
  }

  usage() {
    return { cpuSeconds: 2, residentBytes: 2 ** 20 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const FILE: FileEdits = {
  path: "a.ts",
  language: "TypeScript",
  languageId: "typescript",
  text: "one\ntwo\nthree\n",
  edits: [
    { line: 1, removed: 1, added: ["alpha beta"], isTyped: true },
    { line: 3, removed: 0, added: ["pasted"], isTyped: false },
  ],
};
const PACE: Pace = { pauseMs: () => 100, readingMs: 0, asides: () => [], jump: () => Promise.resolve() };

test("Without answers every key is pressed, and the file becomes the newer version", async () => {
  const silent = new Scripted({});
  const [record] = await replay("r", [FILE], silent, PACE);
  assert.equal(silent.texts.get("a.ts"), "one\nalpha beta\nthree\npasted\n");
  assert.equal(record?.keys, 11);
  assert.equal(record?.keysAlone, 11);
  assert.deepEqual(record?.showings, []);
});

test("What is right is accepted by one key; a text that is typed along is one text", async () => {
  const scripted = new Scripted({ a: "lphA", al: "phA", alp: "ha b", "alpha b": "eta" });
  const records = await replay("r", [FILE], scripted, PACE);
  assert.equal(scripted.texts.get("a.ts"), "one\nalpha beta\nthree\npasted\n");
  const [first, second, third, ...more] = records[0]?.showings ?? [];
  assert.deepEqual(more, []);
  assert.deepEqual(
    [first, second, third].map((one) => [one?.text, one?.accepted, one?.rightPrefix, one?.wasReplaced]),
    [
      ["lphA", false, 3, true],
      ["ha b", true, 4, false],
      ["eta", true, 3, false],
    ],
  );
  assert.equal(first?.stoodMs, 190);
  const figures = replayFigures("r", records, scripted.usage());
  assert.equal(records[0]?.keys, 6);
  assert.equal(figures.keysSaved.value, 5 / 11);
  assert.equal(figures.acceptedShare.value, 2 / 3);
  assert.equal(figures.charactersAnAcceptance.value, 3.5);
  assert.equal(figures.shown, 3);
  assert.equal(figures.requests, 6);
  assert.equal(figures.cpuSecondsPer1000Keys, 2000 / 11);
  assert.equal(figures.replacedUnreadPer100Keys, 100 / 11);
});

test("Right words at the head of a wrong text count once", async () => {
  const scripted = new Scripted({ "": "alpha gamma", al: "pha gamma", alp: "ha omega" });
  const records = await replay("r", [FILE], scripted, PACE);
  assert.deepEqual(
    records[0]?.showings.map(({ sparedByWords }) => sparedByWords),
    [4, 0, 0],
  );
});
