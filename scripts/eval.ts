/** Evaluates a model through the native engine on held-out repositories; each part writes docs/evaluation/PART.json. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../server/measure/machine.ts";
import { describeCommit } from "./bench/commit.ts";
import { fitRecall } from "./eval/fit.ts";
import type { Options } from "./eval/parts/options.ts";
import { PARTS } from "./eval/parts.ts";
import { runPython } from "./eval/python.ts";
import { SPEEDS } from "./eval/replay/pauses.ts";
import { REPLAY_CACHE, SPLITS } from "./eval/replay/sources.ts";
import { writeReport } from "./eval/report/report.ts";

const HELP = `Evaluates a model on the held-out repositories of the corpus.

Usage: ./dev eval [PART ...] [options]
       ./dev eval fit [--model PATH] [--out FILE]
  bits               bits a byte of files: alone, after their repository, recalled; by position; names at distance
  lines              lines completed as in an editor, absent from disk and saved as far as the cursor
  needles            numbers asked for long after they were read
  ngram              the n-gram baseline: bits and lines
  smollm2            the SmolLM2-135M baseline: bits and lines; an hour, unless it has answered before
  peer               Qwen2.5-Coder-0.5B filling in lines, at SmolLM2's places; an hour, goes on where it was ended
  pytorch            the same bits from PyTorch, beside the engine's
  replay             edits of other people typed key by key through the real server: keys saved
  policy             fits what is shown while a person types to the development's edits, beside a fixed threshold
  fit                fits how far recall is trusted to the model (minutes; an hour where it is slow), and says what that is worth;
                     writes recall.json into its folder, NAME.recall.json beside NAME.gguf, or FILE
  pictures           draws docs/images from docs/evaluation
  report             only writes the model card's results from docs/evaluation again
Without a part: bits, lines, needles, ngram and pytorch. Any run ends with the model card's results written again.

  --model PATH       another model than the embedded one: a folder or a .gguf file
  --ratios R,R,...   hybrid ratios of bits and needles (default 0,0.25,0.5,0.75,1); lines are those of the model's default
  --window N         attention window in tokens, 0 = unbounded; by default the model's own
  --files N          files scored in each repository (default 4)
  --places N         lines asked for in each repository and of each kind (default 30)
  --context N        tokens of a repository that are read at most, and the farthest needle (default 131072; needles 262144)
  --only TEXT        repositories with this in their name
  --edits LIST       replay: development (default) or report; only the report's are written to docs/evaluation
  --keys N           replay, policy: keys of each repository, as typed without help (default 2500)
  --seed N           replay, policy: which edits, and the pauses between keys (default 1)
  --suggestions MODE replay: eager, balanced (default) or subtle
  --by NAME,NAME     replay: what answers (default server), also nothing, words, ngram, peer (seconds a key)
  --speed SPEED      replay: fast (default), where each key waits for its answer; human: pauses, wrong keys, undo, cancelled requests
  --saving WHEN      replay at human speed: automatic (default), a second after the last key; finished, once a file
  --server FILE      replay: another server.cjs, with its package beside it
  --log FILE         replay: a line of JSON about each text that was shown
  --out FOLDER       instead of docs/evaluation; the model card is then left as it is
  --help
`;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SAVINGS = ["automatic", "finished"] as const;
const USUAL = ["bits", "lines", "needles", "ngram", "pytorch"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string" },
    ratios: { type: "string", default: "0,0.25,0.5,0.75,1" },
    window: { type: "string" },
    files: { type: "string", default: "4" },
    places: { type: "string", default: "30" },
    context: { type: "string" },
    only: { type: "string", default: "" },
    edits: { type: "string", default: "development" },
    keys: { type: "string", default: "2500" },
    seed: { type: "string", default: "1" },
    suggestions: { type: "string" },
    by: { type: "string", default: "server" },
    speed: { type: "string", default: "fast" },
    saving: { type: "string", default: "automatic" },
    server: { type: "string" },
    log: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});

const say = (name: string) => (text: string) => void process.stdout.write(`${name}: ${text}\n`);
if (values.help) process.stdout.write(HELP);
else if (positionals.includes("fit")) await fitGates();
else await evaluate();

/** Alone, since `--out` names its file and nothing else is written. */
async function fitGates(): Promise<void> {
  if (positionals.length > 1) throw new Error("fit is run alone; see ./dev eval --help.");
  await fitRecall({ modelPath: values.model, out: values.out, say: say("fit") });
}

async function evaluate(): Promise<void> {
  const parts = positionals.length > 0 ? positionals : USUAL;
  const unknown = parts.find((name) => !(name in PARTS) && name !== "report" && name !== "pictures");
  if (unknown) throw new Error(`There is no part "${unknown}"; see ./dev eval --help.`);
  // What is found on the development's edits is nobody's result.
  const isTrial =
    parts.every((name) => name === "replay" || name === "policy") && values.edits === "development";
  const folder = values.out ?? (isTrial ? REPLAY_CACHE : join(ROOT, "docs", "evaluation"));
  mkdirSync(folder, { recursive: true });
  for (const name of parts) {
    const run = PARTS[name];
    if (run) await record(name, folder, run);
  }
  if (parts.includes("pictures")) {
    runPython("evaluate", "pictures.py", [folder, values.out ?? join(ROOT, "docs", "images")]);
  }
  if (!values.out && !isTrial) writeReport(ROOT);
}

async function record(name: string, folder: string, run: (options: Options) => Promise<object>) {
  const begun = performance.now();
  const machine = describeMachine();
  const results = await run({
    modelPath: values.model,
    ratios: values.ratios.split(",").map(Number),
    window: values.window === undefined ? undefined : Number(values.window),
    filesEach: Number(values.files),
    placesEach: Number(values.places),
    contextTokens: values.context === undefined ? undefined : Number(values.context),
    only: values.only,
    replay: {
      split: oneOf(SPLITS, values.edits, "list of edits"),
      by: values.by.split(","),
      speed: oneOf(SPEEDS, values.speed, "speed"),
      savesItself: oneOf(SAVINGS, values.saving, "way of saving") === "automatic",
      keys: Number(values.keys),
      seed: Number(values.seed),
      suggestions: values.suggestions,
      server: values.server,
      log: values.log,
    },
    say: say(name),
  });
  const options = process.argv.slice(2).filter((argument) => !positionals.includes(argument));
  const written = {
    command: ["./dev eval", name, ...options].join(" "),
    commit: describeCommit(ROOT),
    date: new Date().toISOString().slice(0, 10),
    machine,
    seconds: Math.round((performance.now() - begun) / 1000),
    ...results,
  };
  const path = join(folder, `${name}.json`);
  writeFileSync(path, `${JSON.stringify(written, rounded, 1)}\n`);
  process.stdout.write(`${name}: ${path}, ${written.seconds} s\n`);
}

function oneOf<Name extends string>(names: readonly Name[], given: string, what: string): Name {
  const name = names.find((one) => one === given);
  if (!name) throw new Error(`There is no ${what} "${given}"; see ./dev eval --help.`);
  return name;
}

/** Six significant digits are more than any figure here has. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
