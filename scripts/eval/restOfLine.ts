/**
 * What the true rest of a line is worth to the product: its log probability after the context that the server builds, with
 * recall mixed in. Less noisy than lines that are right or wrong, so it is what contexts are compared by: run it in two
 * checkouts with the same FOLDER, where repositories and their states are kept.
 * Usage: node scripts/eval/restOfLine.ts FOLDER RESULTS.jsonl [places in each repository and of each kind] [part of a name]
 *        node scripts/eval/restOfLine.ts compare BEFORE.jsonl AFTER.jsonl
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ContextBuilder } from "../../server/completion/context.ts";
import { type CompletionRequest, lineStartIn, surroundingsOf } from "../../server/completion/request.ts";
import { SnippetChoice } from "../../server/completion/snippets.ts";
import type { Model, Recall, State } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { languageIdOf } from "../../server/languageIds.ts";
import { FilePolicy } from "../../server/repository/filePolicy.ts";
import { RepositoryMemory } from "../../server/repository/memory.ts";
import { StateStore } from "../../server/repository/stateStore.ts";
import { type CorpusRepository, heldOutRepositories, SILENT } from "./corpus.ts";
import { asOnDisk, type Place, placesIn } from "./places.ts";
import { mean } from "./random.ts";

/** Of these places the repository on disk lacks the rest, however many of them are asked for. */
const MOST_PLACES = 30;
const BACKGROUND = { priority: "background" } as const;

interface Result {
  readonly place: string;
  readonly logProb: number;
  /** Of the context. */
  readonly tokens: number;
  readonly buildMs: number;
}

interface Loaded {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
}

if (import.meta.main) {
  const [first = "", second = "", third = "", fourth = ""] = process.argv.slice(2);
  if (first === "compare") compare(resultsIn(second), resultsIn(third));
  else await scoreAll(first, second, Number(third || "10"), fourth);
}

async function scoreAll(folder: string, results: string, placesEach: number, only: string): Promise<void> {
  const model = await loadNativeEngine(ADDON_PATH).loadModel(EMBEDDED_MODEL_PATH, {
    threads: chooseThreads(0),
  });
  const tokenizer = await loadTokenizer(EMBEDDED_MODEL_PATH, model.info.vocabSize);
  for (const repository of heldOutRepositories().filter(({ name }) => name.includes(only))) {
    const path = join(folder, "repositories", repository.name.replaceAll("+", "-"));
    if (!existsSync(path)) write(asOnDisk(repository, placesIn(repository, MOST_PLACES), "saved"), path);
    const memory = await read({ model, tokenizer }, path, join(folder, "states"));
    const contexts = new ContextBuilder(tokenizer, new SnippetChoice(() => memory.passages));
    for (const place of placesIn(repository, placesEach)) {
      const result = await scoreAt(place, path, { model, tokenizer }, memory, contexts);
      appendFileSync(
        results,
        `${JSON.stringify({ ...result, place: `${repository.name} ${result.place}` })}\n`,
      );
    }
    await memory.flush();
    memory.dispose();
  }
  model.dispose();
}

function write({ files }: CorpusRepository, folder: string): void {
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

async function read({ model, tokenizer }: Loaded, path: string, states: string): Promise<RepositoryMemory> {
  const { info } = model;
  const policy = new FilePolicy([{ path, exclude: [] }]);
  const stateHeads = Math.round(info.defaultHybridRatio * info.heads);
  const settings = { policy, stateHeads, attentionWindow: info.attentionWindow };
  const memory = new RepositoryMemory(
    {
      ...{ model, tokenizer, log: SILENT, onProgress: () => undefined, onSpeed: () => undefined },
      store: new StateStore(states, SILENT),
      ...{ settleMs: 100, mostWaitMs: 500, saveMs: 100 },
    },
    settings,
  );
  await memory.read(settings, { fromDisk: true });
  await memory.settled();
  return memory;
}

async function scoreAt(
  { kind, path, before, after, rest }: Place,
  folder: string,
  loaded: Loaded,
  memory: RepositoryMemory,
  contexts: ContextBuilder,
): Promise<Result> {
  const file = join(folder, path);
  const uri = `${pathToFileURL(file).href}?${kind}`;
  memory.live.set({ uri, path: file, relativePath: path, text: before + after });
  await memory.settled();
  const languageId = languageIdOf(path);
  const document = { uri, relativePath: path, languageId, text: before + after };
  const request: CompletionRequest = { document, offset: before.length, manual: true, others: [] };
  const around = surroundingsOf(request);
  const begun = performance.now();
  const { tokens } = contexts.build(document, around, []);
  const buildMs = performance.now() - begun;
  const recall = memory.live.recallAt(uri, lineStartIn(document, around), false);
  const logProb = await logProbOf(rest, around.before, tokens, loaded, memory.state, recall);
  memory.noteClosed(uri);
  return { place: `${kind} ${path}`, logProb, tokens: tokens.length, buildMs };
}

/** Of the rest as it is tokenised together with the lines before it, where the last token may be another one. */
async function logProbOf(
  rest: string,
  before: string,
  tokens: readonly number[],
  { model, tokenizer }: Loaded,
  root: State,
  memory: Recall,
): Promise<number> {
  const lines = before.slice(before.lastIndexOf("\n", before.lastIndexOf("\n") - 1) + 1);
  const part = tokenizer.encode(lines);
  const whole = tokenizer.encode(lines + rest);
  const same = part.findIndex((token, i) => whole[i] !== token);
  const kept = same < 0 ? part.length : same;
  const context = Int32Array.from(tokens.slice(0, tokens.length - (part.length - kept)));
  const [state] = await model.advance(root, context, BACKGROUND);
  if (!state) throw new Error("The engine gave no state.");
  const asked = Int32Array.from(whole.slice(kept));
  const scored = await model.score(state, asked, { ...BACKGROUND, recall: { memory, context } });
  state.dispose();
  scored.state.dispose();
  return scored.logProbs.reduce((sum, one) => sum + one, 0);
}

function resultsIn(path: string): Map<string, Result> {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return new Map(lines.map((line): [string, Result] => [JSON.parse(line).place, JSON.parse(line)]));
}

function compare(before: ReadonlyMap<string, Result>, after: ReadonlyMap<string, Result>): void {
  const pairs = [...before].flatMap(([place, a]) => {
    const b = after.get(place);
    return b ? [{ a, b }] : [];
  });
  const say = (what: string, values: readonly number[]) => {
    const { value, low, high } = mean(values);
    process.stdout.write(`${what}: ${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})\n`);
  };
  process.stdout.write(`${pairs.length} places in both\n`);
  say(
    "nats before",
    pairs.map(({ a }) => a.logProb),
  );
  say(
    "nats more",
    pairs.map(({ a, b }) => b.logProb - a.logProb),
  );
  say(
    "probability of the whole rest, more, %",
    pairs.map(({ a, b }) => 100 * (Math.exp(b.logProb) - Math.exp(a.logProb))),
  );
  say(
    "tokens before",
    pairs.map(({ a }) => a.tokens),
  );
  say(
    "tokens more",
    pairs.map(({ a, b }) => b.tokens - a.tokens),
  );
  say(
    "ms to build",
    pairs.map(({ b }) => b.buildMs),
  );
  const likely = Math.log(0.4);
  const won = pairs.filter(({ a, b }) => a.logProb < likely && b.logProb >= likely).length;
  const lost = pairs.filter(({ a, b }) => a.logProb >= likely && b.logProb < likely).length;
  process.stdout.write(`likelier than 0.4: ${won} more, ${lost} fewer\n`);
}
