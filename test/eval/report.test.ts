import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { answerFigures, offeredFigures } from "../../scripts/eval/answers.ts";
import { byLanguage, replayFigures } from "../../scripts/eval/replay/figures.ts";
import { code } from "../../scripts/eval/report/format.ts";
import { resultsOf, withResults } from "../../scripts/eval/report/report.ts";
import { soakFigures } from "../../scripts/soak/figures.ts";

const RECORDED = {
  command: "./dev eval lines",
  commit: "0123456789ab",
  date: "2026-01-02",
  seconds: 61,
  machine: {
    cpu: "Some CPU",
    logicalCores: 2,
    physicalCores: 2,
    memoryGiB: 8,
    system: "Linux",
    node: "v24",
    loadBefore: 0.1,
  },
};

const ANSWERS = (["identifier", "anywhere"] as const).map((kind) => ({
  kind,
  nth: 0,
  language: "Rust" as const,
  repository: "r",
  path: "a.rs",
  rest: "one();",
  answer: kind === "anywhere" ? "one();" : "",
  ms: 20,
}));

const LINES = {
  ...RECORDED,
  device: "cpu (avx2, 2 threads)",
  results: [
    {
      readsRepository: true,
      figures: answerFigures(ANSWERS),
      answers: ANSWERS,
      offered: offeredFigures(ANSWERS),
    },
  ],
};

const NGRAM = {
  ...RECORDED,
  files: [],
  bits: [],
  results: [{ readsRepository: false, figures: [], answers: ANSWERS.slice(1) }],
};

test("what was not measured has no section", () => {
  assert.equal(resultsOf({}), "");
  const text = resultsOf({ lines: LINES });
  assert.match(text, /### Lines\n\n`.\/dev eval lines`, 2026-01-02, commit 0123456789ab, Some CPU/);
  assert.doesNotMatch(text, /### Bits/);
});

test("a baseline stands beside the model at the places of both", () => {
  const text = resultsOf({ lines: LINES, ngram: NGRAM });
  assert.match(text, /The same places for all: 0 identifier, 1 anywhere\./);
  assert.match(text, /\| anywhere \| nested n-gram, file only \| 100\.0 % \[100\.0, 100\.0\]/);
});

test("a line that is saved as far as the cursor has rows of its own, and none beside other models", () => {
  const [run] = LINES.results;
  assert.ok(run);
  const saved = { ...run, asked: "saved" as const, answers: ANSWERS.map((one) => ({ ...one, answer: "" })) };
  const text = resultsOf({ lines: { ...LINES, results: [saved, run] }, ngram: NGRAM });
  assert.match(text, /\| anywhere \| the repository, the line saved as far as the cursor \| 1 \| 100\.0 %/);
  assert.match(text, /or, where that is said, saved as far as the cursor/);
  assert.doesNotMatch(resultsOf({ lines: LINES }), /saved as far/);
  assert.equal(text.match(/\| anywhere \| Stateline, repository/g)?.length, 1);
  assert.match(text, /\| anywhere \| Stateline, repository \| 100\.0 %/);
});

test("a model that reads ahead is in time where the cursor had rested", () => {
  const answers = ANSWERS.map((one) => ({ ...one, ms: 130, restedMs: 30 }));
  const [run] = LINES.results;
  assert.ok(run);
  const lines = { ...LINES, results: [{ ...run, figures: answerFigures(answers), answers }] };
  const text = resultsOf({ lines, ngram: NGRAM });
  assert.match(text, /\| 130 \/ 130 \| 30 \/ 30 \|/);
  const right = "100\\.0 % \\[100\\.0, 100\\.0\\]";
  const late = "0\\.0 % \\[0\\.0, 0\\.0\\]";
  assert.match(
    text,
    new RegExp(`\\| anywhere \\| Stateline, repository \\| ${right} \\| ${right} \\| ${late} \\|`),
  );
});

test("edits that were replayed have a row for what answered, and Stateline's by language", () => {
  const record = {
    ...{ repository: "r", path: "a.rs", language: "Rust", isChange: false, edit: 0 },
    ...{ keysAlone: 10, keys: 4, requests: 4, shownRequests: 0, cached: 0, cancelled: 1, ms: [5, 6, 7] },
    showings: [],
  };
  const run = (by: string) => {
    const all = replayFigures("all", [record]);
    return { by, all, repositories: [], languages: byLanguage([record]), kinds: [] };
  };
  const results = JSON.parse(JSON.stringify([run("server"), run("words")]));
  const replay = { ...RECORDED, keysEach: 2500, speed: "human" as const, savesItself: true, results };
  const text = resultsOf({ replay });
  assert.match(text, /### Edits replayed/);
  assert.match(text, /at human speed, with wrong keys and undo, saved a second after the last key/);
  assert.match(text, /\| Stateline \| 10 \| 60\.0 % \[60\.0, 60\.0\] \|/);
  assert.match(text, /\| the file's own words \| 10 \|.*\| 6 \/ 7 \/ 7 \|/);
  assert.match(text, /\| Rust \| 1 \| 60\.0 %/);
  assert.match(text, /25\.0 % of requests are cancelled/);
  assert.doesNotMatch(text, /NaN|undefined|null/);
});

test("a long session is told with what it did not keep", () => {
  const counts = {
    ...{ keys: 50_000, requests: 31_000, cancelled: 1500, twins: 300, switches: 6, faults: ["wrong"] },
    ...{ recoveriesMs: [900, 1100], residentMiB: [200, 204] },
  };
  const text = resultsOf({ soak: { ...RECORDED, modules: 2000, counts, ...soakFigures(counts) } });
  assert.match(text, /### A long session/);
  assert.match(text, /50,000 keys of replayed edits, 31,000 requests/);
  assert.match(text, /2 kills; .* 1100 at most \(2,000 allowed\)/);
  assert.match(text, /200 MiB in its first half, 204 in its second \(2\.0 %, 5 % allowed\)/);
  assert.match(text, /Not kept: 1 wrong texts were shown, the first: wrong\./);
});

test("code in a table keeps its pipes and backticks", () => {
  assert.equal(code("a | b"), "`a \\| b`");
  assert.equal(code("x `y` z"), "`` x `y` z ``");
  assert.equal(code(""), "nothing");
});

test("results replace those before them, and nothing else of the card", () => {
  const card = readFileSync(fileURLToPath(new URL("../../docs/model-card.md", import.meta.url)), "utf8");
  const once = withResults(card, "RESULTS 1");
  assert.equal(withResults(once, "RESULTS 2"), once.replace("RESULTS 1", "RESULTS 2"));
  assert.throws(() => withResults("no marks", "RESULTS"), /has no place for the results/);
});
