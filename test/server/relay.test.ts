import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { Completer } from "../../server/completion/completer.ts";
import { LocalWriter } from "../../server/completion/localWriter.ts";
import { Relay } from "../../server/completion/relay.ts";
import type { CompletionRequest } from "../../server/completion/request.ts";
import { StreamedText } from "../../server/completion/streamedText.ts";
import type { Question, Writer, Written } from "../../server/completion/writer.ts";
import { Cancelled } from "../../server/engine/engine.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { Passages } from "../../server/repository/passages.ts";
import { SyntaxTrees } from "../../server/syntax/trees.ts";
import { FakeModel, silentLog } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => assert.fail(String(cause)));
after(() => syntax.dispose());

/** Writes when a test says so. */
class SlowWriter implements Writer {
  readonly asked: {
    readonly question: Question;
    readonly write: (text: string) => void;
    fail: () => void;
  }[] = [];
  readonly #waiting = new Set<() => void>();

  async write(question: Question): Promise<Written> {
    const text = await new Promise<string>((resolve, reject) => {
      question.signal.addEventListener("abort", () => reject(new Cancelled()), { once: true });
      this.asked.push({ question, write: resolve, fail: () => reject(new Error("broken")) });
      for (const wake of this.#waiting) wake();
    });
    const streamed = new StreamedText(question, "");
    streamed.goesOnAfter({ text, logProb: -0.01, tokens: 1, end: "stop" });
    return streamed.written();
  }

  async question(count: number) {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    return this.asked[count - 1]!;
  }

  dispose(): void {}
}

async function setUp(known: string, isAway = false) {
  const tokenizer = await fakeTokenizer();
  const model = new FakeModel(tokenizer);
  model.script = (text) => (known.startsWith(text) ? known.slice(text.length) : "");
  const state = model.initialState(6);
  const better = new SlowWriter();
  const told: CompletionRequest[] = [];
  const writer = new LocalWriter({
    model,
    tokenizer,
    root: () => ({ state, generation: 0 }),
    recallAt: () => model.createRecall(),
    passages: () => new Passages(),
  });
  const completer = new Completer({
    writer: () => writer,
    state: () => state,
    better: () => (isAway ? undefined : better),
    onBetter: (request) => told.push(request),
    syntax,
    settings: () => ({ ...DEFAULT_SETTINGS, triggerDelayMs: 1 }),
    log: silentLog,
  });
  return { completer, model, better, told };
}

/** The cursor is at the text's end. */
function ask(text: string, manual = false): CompletionRequest {
  const document = { uri: "file:///a.ts", relativePath: "a.ts", languageId: "typescript", text };
  return { document, offset: text.length, manual, others: [] };
}

async function typed(completer: Completer, text: string): Promise<string | undefined> {
  return (await completer.complete(ask(text)))[0]?.insertText;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The better writer has been quick once, so it is waited for. */
async function trusted(known: string) {
  const world = await setUp(known);
  let release = () => {};
  world.model.gate = new Promise((resolve) => {
    release = resolve;
  });
  const first = typed(world.completer, "const first = ");
  (await world.better.question(1)).write("second();");
  assert.equal(await first, "second();");
  release();
  world.model.gate = Promise.resolve();
  return world;
}

test("the quick text is the answer while the better one takes its time; then that takes its place", async () => {
  const { completer, better, told } = await setUp("const value = compute(1);\n");
  assert.equal(await typed(completer, "const value = "), "compute(1);");
  (await better.question(1)).write("compare(2);");
  while (told.length === 0) await nextTurn();
  assert.deepEqual(told, [ask("const value = ")]);
  assert.equal(await typed(completer, "const value = "), "compare(2);");
  assert.equal(await typed(completer, "const value = com"), "pare(2);");
  assert.equal(better.asked.length, 1);
});

test("a better text that is the same is not told", async () => {
  const { completer, better, told } = await setUp("const value = compute(1);\n");
  await typed(completer, "const value = ");
  const { question, write } = await better.question(1);
  write("compute(1);");
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(question.signal.aborted, false);
  assert.deepEqual(told, []);
});

test("while the shown text is typed along, a better one does not take its place, but stands in where it ends to be right", async () => {
  const { completer, better, told } = await setUp("const value = compute(1);\n");
  assert.equal(await typed(completer, "const value = "), "compute(1);");
  const { question, write } = await better.question(1);
  assert.equal(await typed(completer, "const value = c"), "ompute(1);");
  assert.equal(question.signal.aborted, false, "typing along takes nothing back");
  write("compare(2);");
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.deepEqual(told, []);
  assert.equal(await typed(completer, "const value = comp"), "ute(1);");
  assert.equal(await typed(completer, "const value = compa"), "re(2);");
});

test("where the shown text was typed along and a better one does not fit that, the newest place is asked about", async () => {
  const { completer, better, told } = await setUp("const value = compute(1);\n");
  assert.equal(await typed(completer, "const value = "), "compute(1);");
  const { write } = await better.question(1);
  assert.equal(await typed(completer, "const value = comp"), "ute(1);");
  write("add(2);");
  const second = await better.question(2);
  assert.equal(second.question.around.before, "const value = comp");
  second.write("are(3);");
  while (told.length === 0) await nextTurn();
  assert.equal(await typed(completer, "const value = comp"), "are(3);");
});

test("where nothing is shown, a better text that fits what was typed since is told", async () => {
  const { completer, better, told } = await setUp("nothing that fits");
  assert.equal(await typed(completer, "const value = "), undefined);
  (await better.question(1)).write("compare(2);");
  while (told.length === 0) await nextTurn();
  assert.equal(await typed(completer, "const value = "), "compare(2);");
});

test("a key that goes on where nothing is shown leaves the question under way, whose answer may begin with it", async () => {
  const { completer, better, told } = await setUp("nothing that fits");
  await typed(completer, "const value = ");
  const { question, write } = await better.question(1);
  await typed(completer, "const value = c");
  await typed(completer, "const value = co");
  assert.equal(question.signal.aborted, false);
  assert.equal(better.asked.length, 1);
  write("compare(2);");
  while (told.length === 0) await nextTurn();
  assert.deepEqual(told, [ask("const value = co")]);
  assert.equal(await typed(completer, "const value = co"), "mpare(2);");
  assert.equal(better.asked.length, 1, "what fits is not asked again");
});

test("where the answer does not fit what was typed meanwhile, the newest place is asked about, and no other", async () => {
  const { completer, better, told } = await setUp("nothing that fits");
  await typed(completer, "const value = ");
  const first = await better.question(1);
  for (const text of ["a", "am", "amo"]) await typed(completer, `const value = ${text}`);
  assert.equal(first.question.mayFit?.("compare"), false);
  assert.equal(first.question.mayFit?.("am"), true);
  first.write("compare(2);");
  const second = await better.question(2);
  assert.equal(second.question.around.before, "const value = amo");
  second.write("unt;");
  while (told.length === 0) await nextTurn();
  assert.equal(await typed(completer, "const value = amo"), "unt;");
  assert.equal(better.asked.length, 2);
});

test("another key that asks anew takes the question before it back", async () => {
  const { completer, better, told } = await setUp("const value = compute(1);\n");
  await typed(completer, "const value = ");
  const { question } = await better.question(1);
  await typed(completer, "const other = ");
  assert.equal(question.signal.aborted, true);
  await better.question(2);
  assert.deepEqual(told, []);
});

test("a document that is closed takes the question back", async () => {
  const { completer, better } = await setUp("const value = compute(1);\n");
  await typed(completer, "const value = ");
  const { question } = await better.question(1);
  completer.noteClosed("file:///a.ts");
  assert.equal(question.signal.aborted, true);
});

test("a better writer that was quick is waited for a moment, and the quick text is not decoded further", async () => {
  const { completer, better, told } = await trusted("const value = compute(1);\n");
  const answer = typed(completer, "const value = ");
  (await better.question(2)).write("compare(2);");
  assert.equal(await answer, "compare(2);");
  assert.deepEqual(told, []);
});

test("one that was quick and falls silent is waited for once, and not again", async (context) => {
  const relay = new Relay<string, string>(() => false);
  const first = (better: () => Promise<string>) => {
    const rest = {
      place: "",
      startedMs: performance.now(),
      byKey: true,
      onLate: () => true,
      onFailed: () => assert.fail(),
    };
    return relay.first({ quick: async () => "quick", better, ...rest }, new AbortController().signal);
  };
  let answer = (_: string) => {};
  const slow = relay.first(
    {
      quick: () => new Promise(() => {}),
      better: () => new Promise((resolve) => (answer = resolve)),
      ...{
        place: "",
        startedMs: performance.now(),
        byKey: true,
        onLate: () => assert.fail(),
        onFailed: () => assert.fail(),
      },
    },
    new AbortController().signal,
  );
  answer("better");
  assert.equal(await slow, "better");
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const silent = () => new Promise<string>(() => {});
  let isAnswered = false;
  const waited = first(silent).then((text) => {
    isAnswered = true;
    return text;
  });
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(isAnswered, false);
  context.mock.timers.tick(1000);
  assert.equal(await waited, "quick");
  // Nobody moves the clock any more.
  assert.equal(await first(silent), "quick");
});

test("one that fails is not waited for", async () => {
  const { completer, better } = await trusted("const value = compute(1);\n");
  const answer = typed(completer, "const value = ");
  (await better.question(2)).fail();
  assert.equal(await answer, "compute(1);");
});

test("one that is left alone is not asked", async () => {
  const { completer, better } = await setUp("const value = compute(1);\n", true);
  assert.equal(await typed(completer, "const value = "), "compute(1);");
  assert.equal(better.asked.length, 0);
});

test("one that has nothing to offer leaves the quick text alone", async () => {
  const { completer, better } = await trusted("const value = compute(1);\n");
  const answer = typed(completer, "const value = ");
  (await better.question(2)).write("");
  assert.equal(await answer, "compute(1);");
});

test("a request that is taken back takes back both", async () => {
  const { completer, model, better } = await setUp("const value = compute(1);\n");
  model.gate = new Promise(() => {});
  const controller = new AbortController();
  const answer = completer.complete(ask("const value = "), controller.signal);
  const { question } = await better.question(1);
  model.gate = Promise.resolve();
  controller.abort();
  assert.equal(question.signal.aborted, true);
  void answer;
});
