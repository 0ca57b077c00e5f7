/** What is counted of a text, by what an editor does with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Counts, keysSaved, NO_COUNTS, sumOfCounts } from "../../protocol/counts.ts";
import { type ShownAnswer, Tally } from "../../server/counting/tally.ts";

/** One document of an editor: each step changes it and tells the tally what a server would see. */
class Desk {
  readonly tally: Tally;
  counts: Counts = NO_COUNTS;
  readonly languages = new Set<string>();
  text: string;
  cursor: number;
  nowMs = 0;
  #nextId = 1;
  #shown: readonly ShownAnswer[] = [];

  constructor(text: string, isEachKeyApart = true) {
    this.cursor = text.indexOf("|");
    this.text = text.replace("|", "");
    this.tally = new Tally({
      isEachKeyApart,
      nowMs: () => this.nowMs,
      add: (languageId, counts) => {
        this.languages.add(languageId);
        this.counts = sumOfCounts([this.counts, { ...NO_COUNTS, ...counts }]);
      },
    });
  }

  /** The editor asks, and shows the first of these; they stand in place of `replaced` behind the cursor. */
  show(texts: string | readonly string[], { replaced = "", waitedMs = 50 } = {}): void {
    const id = this.#nextId++;
    this.tally.cursorAt(URI, this.cursor);
    this.#shown = [texts].flat().map((insertText) => ({
      ...{ id, insertText },
      ...{ replaceStart: this.cursor, replaceEnd: this.cursor + replaced.length },
    }));
    const place = { uri: URI, languageId: "python", text: this.text, cursor: this.cursor };
    this.tally.shown(place, this.#shown, waitedMs);
  }

  edit(offset: number, removed: number, text: string, uri = URI): void {
    if (uri === URI) {
      this.text = this.text.slice(0, offset) + text + this.text.slice(offset + removed);
      this.cursor = offset + text.length;
    }
    this.tally.changed(uri, "python", [{ offset, removed, text }]);
  }

  type(text: string): void {
    for (const key of text) {
      this.nowMs += 120;
      this.edit(this.cursor, 0, key);
    }
  }

  /** At once, as a word or a line is taken, or what an editor inserts for one key. */
  insert(text: string): void {
    this.edit(this.cursor, 0, text);
  }

  delete(): void {
    this.edit(this.cursor - 1, 1, "");
  }

  /** Tab: the change, then the command. */
  accept(alternative = 0): void {
    const answer = this.#shown[alternative];
    assert.ok(answer, "nothing is shown");
    const { id, insertText, replaceStart, replaceEnd } = answer;
    this.edit(replaceStart, Math.max(replaceEnd, this.cursor) - replaceStart, insertText);
    this.tally.accepted(id, alternative);
  }

  /** By its name in OUTCOMES, how many came to it. */
  get ends(): Partial<Counts> {
    const { shown, accepted, typed, refused, ignored } = this.counts;
    const all = Object.entries({ shown, accepted, typed, refused, ignored });
    return Object.fromEntries(all.filter(([, times]) => times !== 0));
  }
}

const URI = "file:///a.py";

interface Case {
  readonly name: string;
  /** With the cursor as a bar. */
  readonly text?: string;
  readonly steps: (desk: Desk) => void;
  readonly ends: Partial<Counts>;
}

const SHOWN_CASES: readonly Case[] = [
  { name: "one text, not decided yet", steps: (d) => d.show("value = 1"), ends: { shown: 1 } },
  {
    name: "a text typed along, asked for at each key",
    steps: (d) => {
      d.show("value");
      d.type("v");
      d.show("alue");
      d.type("a");
      d.show("lue");
    },
    ends: { shown: 1 },
  },
  {
    name: "a text deleted a little and shown again",
    text: "x = va|",
    steps: (d) => {
      d.show("lue");
      d.delete();
      d.show("alue");
    },
    ends: { shown: 1 },
  },
  {
    name: "lines typed along to the second",
    steps: (d) => {
      d.show("if x:\n  y()\nz()");
      d.type("if x:");
      d.insert("\n  ");
      d.show("y()\nz()");
    },
    ends: { shown: 1 },
  },
  {
    name: "a bracket that the editor closes, asked for inside",
    steps: (d) => {
      d.show("f(a)");
      d.type("f");
      d.insert("()");
      d.cursor--;
      d.show("a)", { replaced: ")" });
    },
    ends: { shown: 1 },
  },
  {
    name: "another end in its place",
    steps: (d) => {
      d.show("value");
      d.type("v");
      d.show("ariant");
    },
    ends: { shown: 2, ignored: 1 },
  },
  { name: "nothing answered", steps: (d) => d.show([]), ends: {} },
];

const END_CASES: readonly Case[] = [
  {
    name: "all of it taken",
    steps: (d) => {
      d.show("value");
      d.accept();
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "typed to its end",
    steps: (d) => {
      d.show("val");
      d.type("val");
    },
    ends: { shown: 1, typed: 1 },
  },
  {
    name: "another key at its place",
    steps: (d) => {
      d.show("value");
      d.type("x");
    },
    ends: { shown: 1, refused: 1 },
  },
  {
    name: "typed along, then differently",
    steps: (d) => {
      d.show("value");
      d.type("vax");
    },
    ends: { shown: 1, refused: 1 },
  },
  {
    name: "dismissed, then another key",
    steps: (d) => {
      d.show("value");
      d.tally.cursorAt(URI, d.cursor);
      d.type("x");
    },
    ends: { shown: 1, refused: 1 },
  },
  {
    name: "the character before it deleted",
    text: "x = v|",
    steps: (d) => {
      d.show("alue");
      d.delete();
    },
    ends: { shown: 1, refused: 1 },
  },
  {
    name: "refused, then shown again and taken",
    text: "x = v|",
    steps: (d) => {
      d.show("alue");
      d.delete();
      d.show("value");
      d.accept();
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "the cursor put elsewhere",
    text: "x = |\ny = 2\n",
    steps: (d) => {
      d.show("value");
      d.tally.cursorAt(URI, 8);
    },
    ends: { shown: 1, ignored: 1 },
  },
  {
    name: "the cursor put into another document",
    steps: (d) => {
      d.show("value");
      d.tally.cursorAt("file:///b.py", d.cursor);
    },
    ends: { shown: 1, ignored: 1 },
  },
  {
    name: "a change at another place",
    text: "x = 1\ny = |",
    steps: (d) => {
      d.show("value");
      d.edit(0, 1, "z");
    },
    ends: { shown: 1, ignored: 1 },
  },
  {
    name: "several changes at once, as a formatter makes them",
    steps: (d) => {
      d.show("value");
      d.tally.changed(URI, "python", [
        { offset: 0, removed: 1, text: "" },
        { offset: 0, removed: 0, text: "x" },
      ]);
    },
    ends: { shown: 1, ignored: 1 },
  },
  {
    name: "its document closed",
    steps: (d) => {
      d.show("value");
      d.tally.closed(URI);
    },
    ends: { shown: 1, ignored: 1 },
  },
  {
    name: "the server's end",
    steps: (d) => {
      d.show("value");
      d.tally.finish();
    },
    ends: { shown: 1, ignored: 1 },
  },
  {
    name: "a word taken and the cursor put elsewhere",
    steps: (d) => {
      d.show("const value = 1");
      d.insert("const");
      d.tally.cursorAt(URI, 0);
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "a word taken and the rest typed differently",
    steps: (d) => {
      d.show("const value = 1");
      d.insert("const");
      d.type(" x");
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "a change in another document meanwhile",
    steps: (d) => {
      d.show("value");
      d.edit(0, 0, "x", "file:///b.py");
      d.accept();
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "a second alternative taken",
    steps: (d) => {
      d.show(["value", "other"]);
      d.accept(1);
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "an acceptance told twice, and one of no answer",
    steps: (d) => {
      d.show("value");
      d.accept();
      d.tally.accepted(1, 0);
      d.tally.accepted(99, 0);
      d.tally.accepted(Number.NaN, Number.NaN);
    },
    ends: { shown: 1, accepted: 1 },
  },
  {
    name: "taken, then another one shown",
    steps: (d) => {
      d.show("value");
      d.accept();
      d.show("()");
    },
    ends: { shown: 2, accepted: 1 },
  },
];

for (const { name, text = "x = |", steps, ends } of [...SHOWN_CASES, ...END_CASES]) {
  test(`what is shown comes to one end: ${name}`, () => {
    const desk = new Desk(text);
    steps(desk);
    assert.deepEqual(desk.ends, ends);
    const { shown, accepted, characters } = desk.counts;
    assert.deepEqual(desk.tally.session, { shown, accepted, characters });
  });
}

interface Taken {
  readonly whole?: number;
  readonly words?: number;
  readonly lines?: number;
  readonly characters: number;
}

const TAKEN_CASES: readonly (Omit<Case, "ends"> & { readonly taken: Taken })[] = [
  {
    name: "all of it",
    steps: (d) => {
      d.show("value");
      d.accept();
    },
    taken: { whole: 1, characters: 5 },
  },
  {
    name: "all that was left after typing along",
    steps: (d) => {
      d.show("value = 1");
      d.type("va");
      d.show("lue = 1");
      d.accept();
    },
    taken: { whole: 1, characters: 7 },
  },
  {
    name: "all that was left after typing along, before the next answer",
    steps: (d) => {
      d.show("value = 1");
      d.type("va");
      d.accept();
    },
    taken: { whole: 1, characters: 7 },
  },
  {
    name: "a closer that stood there already",
    text: "f(|)",
    steps: (d) => {
      d.show("abc)", { replaced: ")" });
      d.accept();
    },
    taken: { whole: 1, characters: 3 },
  },
  {
    name: "lines, without their indentation",
    steps: (d) => {
      d.show("if x:\n        return 1\r\n\tend");
      d.accept();
    },
    taken: { whole: 1, characters: "if x:\nreturn 1\nend".length },
  },
  {
    name: "a longer alternative",
    steps: (d) => {
      d.show(["one", "other one"]);
      d.accept(1);
    },
    taken: { whole: 1, characters: 9 },
  },
  {
    name: "one character, told by the command alone",
    steps: (d) => {
      d.show("x");
      d.accept();
    },
    taken: { whole: 1, characters: 1 },
  },
  {
    name: "a word",
    steps: (d) => {
      d.show("const value = 1");
      d.insert("const");
    },
    taken: { words: 1, characters: 5 },
  },
  {
    name: "three words, asked for after each",
    steps: (d) => {
      d.show("const value = 1");
      d.insert("const");
      d.show(" value = 1");
      d.insert(" value");
      d.show(" = 1");
      d.insert(" =");
    },
    taken: { words: 3, characters: 13 },
  },
  {
    name: "a word, then the rest",
    steps: (d) => {
      d.show("const value");
      d.insert("const");
      d.show(" value");
      d.accept();
    },
    taken: { words: 1, whole: 1, characters: 11 },
  },
  {
    name: "the last word of a line, which may have been a line as well",
    steps: (d) => {
      d.show("value\nother");
      d.insert("value");
    },
    taken: { words: 1, characters: 5 },
  },
  {
    name: "a line",
    steps: (d) => {
      d.show("one(1)\ntwo()");
      d.insert("one(1)");
    },
    taken: { lines: 1, characters: 6 },
  },
  {
    name: "a line with its end",
    steps: (d) => {
      d.show("one(1)\ntwo(2)\nthree()");
      d.insert("one(1)\n");
      d.insert("two(2)\n");
    },
    taken: { lines: 2, characters: 14 },
  },
  {
    name: "letters, then a word",
    steps: (d) => {
      d.show("value = 1");
      d.type("v");
      d.insert("alue");
    },
    taken: { words: 1, characters: 4 },
  },
  {
    name: "letters that are typed",
    steps: (d) => {
      d.show("value");
      d.type("val");
    },
    taken: { characters: 0 },
  },
  {
    name: "a bracket that the editor closes",
    steps: (d) => {
      d.show("(a) + 1");
      d.insert("()");
    },
    taken: { characters: 0 },
  },
  {
    name: "a new line that the editor indents",
    steps: (d) => {
      d.show("\n    return 1");
      d.insert("\n    ");
    },
    taken: { characters: 0 },
  },
  {
    name: "other text, pasted",
    steps: (d) => {
      d.show("value = 1");
      d.insert("another");
    },
    taken: { characters: 0 },
  },
  {
    name: "the same words after other text",
    steps: (d) => {
      d.show("value = 1");
      d.type("x");
      d.insert("value");
    },
    taken: { characters: 0 },
  },
];

for (const { name, text = "x = |", steps, taken } of TAKEN_CASES) {
  test(`what is taken is counted in keys and characters: ${name}`, () => {
    const desk = new Desk(text);
    steps(desk);
    const { whole, words, lines, characters } = desk.counts;
    assert.deepEqual({ whole, words, lines, characters }, { whole: 0, words: 0, lines: 0, ...taken });
    assert.equal(keysSaved(desk.counts), characters - whole - words - lines);
  });
}

test("where a client sends several keys at once, they are typed, and what the command tells is taken", () => {
  const desk = new Desk("x = |", false);
  desk.show("const value");
  desk.insert("const");
  assert.deepEqual(desk.ends, { shown: 1 });
  desk.show(" value");
  desk.accept();
  assert.deepEqual(desk.ends, { shown: 1, accepted: 1 });
  assert.equal(desk.counts.characters, " value".length);
  assert.deepEqual(desk.counts.pausesMs, {});
});

test("how long a text was waited for is counted once for each", () => {
  const desk = new Desk("|");
  desk.show("value", { waitedMs: 81 });
  desk.type("v");
  desk.show("alue", { waitedMs: 1 });
  desk.type("x");
  desk.show("y", { waitedMs: 3000 });
  assert.deepEqual(desk.counts.waitedMs, { 76: 1, 2896: 1 });
});

test("pauses are measured between keys that follow each other at one place, not after a thought", () => {
  const desk = new Desk("|");
  desk.type("abc");
  desk.nowMs += 5000;
  desk.type("d");
  desk.insert("pasted");
  desk.type("e");
  desk.delete();
  desk.type("f");
  desk.cursor = 0;
  desk.type("g");
  desk.insert("()");
  desk.cursor--;
  desk.nowMs += 100;
  desk.type("h");
  assert.deepEqual(desk.counts.pausesMs, { 1: 1, 108: 2, 215: 1 });
});

test("counts are of the document's language", () => {
  const desk = new Desk("|");
  desk.show("value");
  desk.accept();
  assert.deepEqual([...desk.languages], ["python"]);
});
