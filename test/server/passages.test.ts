import assert from "node:assert/strict";
import { test } from "node:test";
import { randomSource } from "../../scripts/eval/random.ts";
import { Passages } from "../../server/repository/passages.ts";

const numbered = (word: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${word}${i}();\n`).join("");

test("a rare word counts more than frequent ones", () => {
  const passages = new Passages();
  for (let i = 0; i < 20; i++) passages.set(`/${i}`, `${i}.go`, "common usual\n");
  passages.set("/rare", "rare.go", "special\n");
  assert.equal(passages.likest("common special", "a.go", [])[0]?.relativePath, "rare.go");
});

test("of a long text the passage is quoted that is likest, in whole lines", () => {
  const passages = new Passages();
  const text = `${numbered("before", 200)}needle();\n${numbered("after", 200)}`;
  passages.set("/a", "a.c", text);
  const [best] = passages.likest("needle", "b.h", []);
  assert.ok(best);
  assert.ok(best.text.includes("needle();\n"));
  assert.ok(best.text.length <= 450);
  assert.ok(best.text.endsWith("\n"));
  assert.equal(text.charAt(text.indexOf(best.text) - 1), "\n");
});

test("a text that is set again or taken away is not found as it was", () => {
  const passages = new Passages();
  passages.set("/a", "a.rs", "needle\n");
  passages.set("/a", "a.rs", "thread\n");
  assert.deepEqual(passages.likest("needle", "b.rs", []), []);
  assert.equal(passages.likest("thread", "b.rs", [])[0]?.text, "thread\n");
  passages.delete("/a");
  passages.delete("/a");
  assert.deepEqual(passages.likest("thread", "b.rs", []), []);
  assert.equal(passages.has("/a"), false);
});

test("line ends of any kind are line feeds", () => {
  const passages = new Passages();
  passages.set("/a", "a.rs", "needle\r\nthread\r\n");
  assert.equal(passages.likest("needle", "b.rs", [])[0]?.text, "needle\nthread\n");
});

const HOSTILE: readonly [what: string, text: string][] = [
  ["one line of a megabyte", "x".repeat(1_000_000)],
  ["a million line feeds", "\n".repeat(1_000_000)],
  ["words without an end", `${"ab ".repeat(300_000)}\n`],
  ["names of objects' own members", "constructor __proto__ toString hasOwnProperty\n"],
  ["lone surrogates and zeros", "\ud800\udfff\0\ud800 needle\n"],
];
for (const [what, text] of HOSTILE) {
  test(`${what}: at most a passage is quoted`, () => {
    const passages = new Passages();
    passages.set("/a", "__proto__", text);
    const found = passages.likest("needle constructor xxxx ab", "b.__proto__", []);
    for (const { text: quoted } of found) assert.ok(quoted.length <= 450 && text.includes(quoted));
  });
}

test("counts of words stay those of the texts, whatever is set and taken away", () => {
  const seed = Date.now() % 2 ** 31;
  const random = randomSource(seed);
  const words = Array.from({ length: 30 }, (_, i) => `word${i}`);
  const some = () => words.filter(() => random() < 0.3).join(" ");
  const worn = new Passages();
  const texts = new Map<string, string>();
  for (let i = 0; i < 500; i++) {
    const path = `/${Math.floor(random() * 10)}`;
    if (random() < 0.3) {
      worn.delete(path);
      texts.delete(path);
    } else {
      const text = `${some()}\n`;
      worn.set(path, `${path}.py`, text);
      texts.set(path, text);
    }
  }
  const fresh = new Passages();
  for (const [path, text] of texts) fresh.set(path, `${path}.py`, text);
  const scores = (passages: Passages) =>
    new Map(passages.likest(words.join(" "), "a.py", []).map(({ key, score }) => [key, score]));
  assert.deepEqual([...scores(worn)].sort(), [...scores(fresh)].sort(), `seed ${seed}`);
});
