import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DEFAULT_SETTINGS, type Settings } from "../../protocol/settings.ts";
import { Completer } from "../../server/completion/completer.ts";
import { LocalWriter } from "../../server/completion/localWriter.ts";
import type { CompletionRequest, OpenDocument } from "../../server/completion/request.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { Passages } from "../../server/repository/passages.ts";
import { SyntaxTrees } from "../../server/syntax/trees.ts";
import { FakeModel, silentLog } from "./fakes/engine.ts";
import { fakeTokenizer } from "./fakes/tokenizerFile.ts";

const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => assert.fail(String(cause)));
after(() => syntax.dispose());

/** The model knows one text and writes it on from wherever it is. */
async function setUp(known: string, settings: Partial<Settings> = {}) {
  const tokenizer = await fakeTokenizer();
  const model = new FakeModel(tokenizer);
  model.script = (text) => (known.startsWith(text) ? known.slice(text.length) : "");
  let state = model.initialState(6);
  /** The lines that recall was asked to leave out. */
  const lineStarts: number[] = [];
  const writer = new LocalWriter({
    model,
    tokenizer,
    root: () => ({ state, generation: 0 }),
    recallAt: (_, lineStart) => {
      lineStarts.push(lineStart);
      return model.createRecall();
    },
    passages: () => new Passages(),
  });
  const completer = new Completer({
    writer: () => writer,
    state: () => state,
    syntax,
    settings: () => ({ ...DEFAULT_SETTINGS, triggerDelayMs: 1, ...settings }),
    log: silentLog,
  });
  const newState = () => {
    state = model.initialState(6);
  };
  return { model, completer, writer, tokenizer, newState, lineStarts };
}

/** The cursor is at "|". */
function ask(marked: string, options: Partial<CompletionRequest> = {}): CompletionRequest {
  const offset = marked.indexOf("|");
  const text = marked.slice(0, offset) + marked.slice(offset + 1);
  const document = {
    uri: "file:///a.ts",
    relativePath: "a.ts",
    languageId: "typescript",
    text,
  };
  return { document, offset, manual: false, others: [], ...options };
}

test("a line is completed to its end", async () => {
  const { completer } = await setUp("const value = compute(1);\nnext();\n");
  const [answer] = await completer.complete(ask("const value = |"));
  assert.deepEqual(answer, {
    id: 1,
    alternative: 0,
    insertText: "compute(1);",
    replaceStart: 14,
    replaceEnd: 14,
  });
});

test("a line asked for by key is searched for with several hypotheses, a typed one is decoded greedily", async () => {
  const { model, completer } = await setUp("const value = compute(1);\nnext();\n");
  await completer.complete(ask("const value = |"));
  await completer.complete(ask("const |", { manual: true }));
  assert.deepEqual(model.beams, [1, 4]);
});

test("a word that is being typed is healed", async () => {
  const { completer } = await setUp("returned;\n");
  assert.equal((await completer.complete(ask("retu|")))[0]?.insertText, "rned;");
});

test("a word is healed back to where its whole is one token", async () => {
  const { completer } = await setUp("compute(1);\n");
  assert.equal((await completer.complete(ask("comput|")))[0]?.insertText, "e(1);");
  const other = await setUp("computation;\n");
  assert.equal((await other.completer.complete(ask("comput|")))[0]?.insertText, "ation;");
});

test("each line recalls what leads to it: the context, less what is healed, and the lines before", async () => {
  const { model, completer, tokenizer } = await setUp("if (a) {\n  compute(1);\n}\nother();\n");
  await completer.complete(ask("if (a) {|", { manual: true }));
  const contexts = model.recalls.map(({ context }) => tokenizer.decode([...context]));
  assert.ok(contexts.length > 1);
  for (const [i, context] of contexts.entries()) {
    assert.ok(context.endsWith(["if (a) {", "if (a) {\n", "if (a) {\n  compute(1);\n"][i] ?? ""), context);
  }
  const healed = await setUp("return;\n");
  await healed.completer.complete(ask("retu|"));
  assert.equal(healed.tokenizer.decode([...(healed.model.recalls[0]?.context ?? [])].slice(-1)), "");
});

test("the line with the cursor is not recalled, counted with line feeds only, whatever is selected", async () => {
  const { completer, lineStarts } = await setUp("const value = compute(1);\n");
  await completer.complete(ask("|"));
  await completer.complete(ask("a\r\nb\r\nconst value = |\r\nc"));
  const selected = { text: "value", startOffset: 8, endOffset: 11 };
  await completer.complete(ask("a\nconst val|\n", { selected }));
  assert.deepEqual([...new Set(lineStarts)], [0, 4, 2]);
});

test("a word is healed after deleting too, where fewer states are left", async () => {
  const { completer } = await setUp("const value = compute(1);\n");
  const text = "const value = comput";
  for (let end = text.length; end > 0; end--) {
    const { lastFigures } = completer;
    await completer.complete(ask(`${"// comment\n".repeat(30)}${text.slice(0, end)}|`));
    assert.notEqual(completer.lastFigures, lastFigures);
  }
});

test("closers that the editor put there are replaced when they are written again", async () => {
  const { completer } = await setUp("call(first, second);\n");
  const [answer] = await completer.complete(ask("call(first|);"));
  assert.equal(answer?.insertText, ", second);");
  assert.deepEqual([answer?.replaceStart, answer?.replaceEnd], [10, 12]);
});

test("a block is completed to its closer, not beyond, and not beyond maxLines", async () => {
  const known = "if (x) {\n  a();\n  b();\n}\nmore();\n";
  const { completer } = await setUp(known);
  assert.equal((await completer.complete(ask("if (x) {|")))[0]?.insertText, "\n  a();\n  b();\n}");
  const short = await setUp(known, { maxLines: 2 });
  assert.equal((await short.completer.complete(ask("if (x) {|")))[0]?.insertText, "\n  a();");
});

test("below a complete line the next statements are offered, while typing as far as they are sure", async () => {
  const known = "  first();\n  second();\n  third();\n\n  fourth();\n";
  const { completer, model } = await setUp(known);
  const [typed] = await completer.complete(ask("  first();|"));
  assert.equal(typed?.insertText, "\n  second();\n  third();");
  model.logProb = -0.08;
  assert.deepEqual(await completer.complete(ask("  first();|\n}\n")), []);
  assert.match(completer.lastFigures?.nothing ?? "", /unsure/);
  const [answer] = await completer.complete(ask("  first();|\n\n  fourth();\n", { manual: true }));
  assert.equal(answer?.insertText, "\n  second();\n  third();");
  assert.deepEqual(await completer.complete(ask("  first();|\n  second();\n", { manual: true })), []);
});

test("a further character advances at most five tokens, ten deleted ones at most 64", async () => {
  const line = "function computeTotal(values: number[], scale: number) {\n";
  const { completer } = await setUp("nothing known");
  const text = line.repeat(20);
  for (let typed = 0; typed < 30; typed++) {
    await completer.complete(ask(`${text}const result${"abcdefghijklmnopqrstuvwxyz_123".slice(0, typed)}|`));
    if (typed > 0)
      assert.ok(
        (completer.lastFigures?.tokensAdvanced ?? 99) <= 5,
        `${typed}: ${completer.lastFigures?.tokensAdvanced}`,
      );
  }
  for (const deleted of [10, 20, 30, 40]) {
    await completer.complete(
      ask(`${`${text}const resultabcdefghijklmnopqrstuvwxyz_12`.slice(0, -deleted)}|`),
    );
    assert.ok((completer.lastFigures?.tokensAdvanced ?? 99) <= 64);
  }
});

test("going to another document and back advances nothing; a document unused for long is forgotten", async () => {
  const { completer, model } = await setUp("nothing known");
  const text = "const value = compute(1);\n".repeat(20);
  const inDocument = async (name: string) => {
    const request = ask(`${text}|`);
    await completer.complete({ ...request, document: { ...request.document, uri: `file:///${name}.ts` } });
    return completer.lastFigures?.tokensAdvanced ?? -1;
  };
  assert.ok((await inDocument("a")) > 100);
  assert.ok((await inDocument("b")) > 100);
  assert.equal(await inDocument("a"), 0);
  for (const name of ["c", "d", "e"]) await inDocument(name);
  assert.ok((await inDocument("a")) > 100);
  assert.ok(model.living < 3 * 60, `${model.living} states live`);
});

test("typing through what was shown asks the engine nothing", async () => {
  const { completer, model } = await setUp("const value = compute(1);\n");
  await completer.complete(ask("const value = |"));
  const before = model.advanced.length;
  assert.equal((await completer.complete(ask("const value = com|")))[0]?.insertText, "pute(1);");
  assert.equal(model.advanced.length, before);
  assert.equal(completer.lastFigures?.tokensAdvanced, 0);
  assert.equal(completer.lastFigures?.tokensDecoded, 0);
});

test("of what was shown nothing is offered where only what stands to the right is left", async () => {
  const { completer } = await setUp("a(b): c;\n");
  assert.equal((await completer.complete(ask("a|\n")))[0]?.insertText, "(b): c;");
  assert.deepEqual(await completer.complete(ask("a(b|)\n")), []);
  assert.match(completer.lastFigures?.nothing ?? "", /beside the text to the right/);
});

test("by key a completion that was cut while typing is asked for anew, and comes whole", async () => {
  const { completer, model } = await setUp("const value = computeSomething(withThese, arguments);\n");
  model.logProb = -0.025;
  const [typed] = await completer.complete(ask("const value = |"));
  assert.equal(typed?.insertText, "computeSomething(withThese");
  const [byKey] = await completer.complete(ask("const value = |", { manual: true }));
  assert.equal(byKey?.insertText, "computeSomething(withThese, arguments);");
  const [along] = await completer.complete(ask("const value = com|"));
  assert.equal(along?.insertText, "puteSomething(withThese, arguments);");
  const [keyAlong] = await completer.complete(ask("const value = comp|", { manual: true }));
  assert.equal(keyAlong?.insertText, "uteSomething(withThese, arguments);");
  assert.equal(model.beams.length, 2);
});

const CHANGES: readonly [what: string, change: (world: World) => void, expires: boolean][] = [
  ["nothing", () => undefined, false],
  ["the order of the other documents", (world) => world.others.reverse(), false],
  ["an edit in another document", (world) => world.others.splice(0, 1, other("b", "let b = 2;")), true],
  ["another document that is opened", (world) => world.others.push(other("d", "let d;")), true],
  ["another document that is closed", (world) => world.others.pop(), true],
  ["a new state of the repository", (world) => world.newState(), true],
  ["fewer lines allowed", (world) => Object.assign(world.settings, { maxLines: 1 }), true],
  ["another hybrid ratio", (world) => Object.assign(world.settings, { hybridRatio: 0.5 }), true],
];

interface World {
  readonly others: OpenDocument[];
  readonly settings: Partial<Settings>;
  readonly newState: () => void;
}

function other(name: string, text: string): OpenDocument {
  return { ...ask("|").document, uri: `file:///${name}.ts`, relativePath: `${name}.ts`, text };
}

for (const [what, change, expires] of CHANGES) {
  test(`what was shown ${expires ? "expires with" : "outlives"} ${what}`, async () => {
    const settings: Partial<Settings> = {};
    const { completer, model, newState } = await setUp("const value = compute(1);\n", settings);
    const world: World = { others: [other("b", "let b = 1;"), other("c", "let c;")], settings, newState };
    await completer.complete(ask("const value = |", { others: [...world.others] }));
    assert.equal(model.beams.length, 1);
    change(world);
    const [along] = await completer.complete(ask("const value = com|", { others: [...world.others] }));
    assert.equal(along?.insertText, "pute(1);");
    assert.equal(model.beams.length, expires ? 2 : 1);
  });
}

test("by key what else the line could be is offered behind it, and may be typed along", async () => {
  const { completer, model } = await setUp("const value = compute(1);\n");
  model.others = [" compare(2);", " compute(1);  ", " ", " create();"];
  assert.equal((await completer.complete(ask("const value = |"))).length, 1);
  const answers = await completer.complete(ask("const value = |", { manual: true }));
  assert.deepEqual(
    answers.map(({ id, alternative, insertText }) => [id - (answers[0]?.id ?? 0), alternative, insertText]),
    [
      [0, 0, "compute(1);"],
      [0, 1, "compare(2);"],
      [0, 2, "create();"],
    ],
  );
  const generations = model.beams.length;
  const along = await completer.complete(ask("const value = compa|"));
  assert.deepEqual(
    along.map(({ insertText }) => insertText),
    ["re(2);"],
  );
  assert.equal(model.beams.length, generations);
});

test("a newer request for the document cancels the older; another document's does not", async () => {
  const { completer, model } = await setUp("const value = compute(1);\n");
  let release = () => {};
  model.gate = new Promise((resolve) => {
    release = resolve;
  });
  const older = completer.complete(ask("const |"));
  const other = completer.complete({
    ...ask("const value = |"),
    document: { ...ask("const value = |").document, uri: "file:///b.ts" },
  });
  const newer = completer.complete(ask("const value|"));
  release();
  assert.deepEqual(await older, []);
  assert.equal((await newer)[0]?.insertText, " = compute(1);");
  assert.equal((await other)[0]?.insertText, "compute(1);");
});

test("a cancelled request gives nothing, before and while it runs", async () => {
  const { completer } = await setUp("const value = compute(1);\n");
  assert.deepEqual(await completer.complete(ask("const |"), AbortSignal.abort()), []);
  const controller = new AbortController();
  const running = completer.complete(ask("const |"), controller.signal);
  controller.abort();
  assert.deepEqual(await running, []);
});

test("where the cursor rests is read ahead of the first keystroke, also inside a line", async () => {
  const { completer, writer } = await setUp("nothing known");
  const text = "const value = compute(1);\n".repeat(20);
  for (const place of [`${text}|`, `${text}va|lue = compute(1);\n`]) {
    await writer.readAhead(ask(place));
    await completer.complete(ask(place.replace("|", "x|"), { manual: true }));
    assert.ok((completer.lastFigures?.tokensAdvanced ?? 99) <= 5, `${completer.lastFigures?.tokensAdvanced}`);
  }
  assert.equal(completer.mayBeAsked(ask("|")), true);
  assert.equal(completer.mayBeAsked({ ...ask("|"), forbidden: "the file may hold secrets" }), false);
});

test("a request ends reading ahead, and goes on where that was", async () => {
  const { completer, writer, model } = await setUp("nothing known");
  const text = "const value = compute(1);\n".repeat(40);
  let jobs = 0;
  // Each reading waits for its turn of the event loop; the request comes after the first of them.
  Object.defineProperty(model, "gate", { get: () => new Promise((done) => setImmediate(done, jobs++)) });
  const ahead = writer.readAhead(ask(`${text}|`));
  while (jobs < 2) await new Promise((done) => setImmediate(done));
  await completer.complete(ask(`${text}|`, { manual: true }));
  await ahead;
  const whole = model.advanced.reduce((sum, tokens) => sum + tokens, 0);
  const advanced = completer.lastFigures?.tokensAdvanced ?? 0;
  assert.ok(advanced > 100 && advanced < whole, `${advanced} of ${whole}`);
});

test("an unsure completion is only offered by key", async () => {
  const { completer, model } = await setUp("const value = compute(1);\n");
  model.logProb = -3;
  assert.deepEqual(await completer.complete(ask("const value = |")), []);
  assert.match(completer.lastFigures?.nothing ?? "", /unsure/);
  assert.equal(
    (await completer.complete(ask("const value = |", { manual: true })))[0]?.insertText,
    "compute(1);",
  );
});

test("a line is offered as far as it is likely, to the end of a word", async () => {
  const { completer, model } = await setUp("const value = computeSomething(withThese, arguments);\n");
  model.logProb = -0.025;
  assert.equal(
    (await completer.complete(ask("const value = |")))[0]?.insertText,
    "computeSomething(withThese",
  );
  const byKey = ask("const value = |", { manual: true });
  const [whole] = await completer.complete({
    ...byKey,
    document: { ...byKey.document, uri: "file:///b.ts" },
  });
  assert.equal(whole?.insertText, "computeSomething(withThese, arguments);");
});

test("a further line is offered whole or not at all", async () => {
  const { completer, model } = await setUp(
    "if (x) {\n  a();\n  b(with, quite, many, arguments, indeed);\n}\n",
  );
  model.logProb = -0.05;
  assert.equal((await completer.complete(ask("if (x) {|")))[0]?.insertText, "\n  a();");
});

test("a selected suggestion is continued, and its range replaced", async () => {
  const { completer } = await setUp("value.returned(1);\n");
  const selected = { text: "returned", startOffset: 6, endOffset: 8 };
  const [answer] = await completer.complete(ask("value.re|", { selected }));
  assert.deepEqual(answer, {
    id: 1,
    alternative: 0,
    insertText: "returned(1);",
    replaceStart: 6,
    replaceEnd: 8,
  });
});

test("most of the document's line ends are the completion's", async () => {
  const { completer } = await setUp("if (x) {\n  a();\n}\n");
  assert.equal((await completer.complete(ask("if (x) {|\r\n")))[0]?.insertText, "\r\n  a();\r\n}");
  const mixed = await setUp("if (x) {\n  a();\n}\n");
  assert.equal((await mixed.completer.complete(ask("if (x) {|\nb\n\r\n")))[0]?.insertText, "\n  a();\n}");
});

test("a block written with tabs ends where the editor's tab size says that it does", async () => {
  const known = "    if (x) {\n\ta();\n}\n";
  const narrow = await setUp(known);
  const asked = ask("    if (x) {|");
  assert.deepEqual(await narrow.completer.complete({ ...asked, tabSize: 4 }), []);
  const wide = await setUp(known);
  assert.equal((await wide.completer.complete({ ...asked, tabSize: 8 }))[0]?.insertText, "\n\ta();");
});

test("inside of a character the completion begins before it, and its range too", async () => {
  const { completer } = await setUp("x = compute(1);\n");
  const text = "x = e\u0301";
  const document = { ...ask("|").document, text };
  const [answer] = await completer.complete({ ...ask("|", { manual: true }), document, offset: 5 });
  assert.deepEqual([answer?.insertText, answer?.replaceStart, answer?.replaceEnd], ["compute(1);", 4, 4]);
});

test("a failing engine fails one request, not the next", async () => {
  const { completer, model } = await setUp("const value = compute(1);\n");
  const { generate } = model;
  model.generate = async () => {
    throw new Error("out of memory");
  };
  await assert.rejects(completer.complete(ask("const value = |")), /out of memory/);
  model.generate = generate;
  assert.equal((await completer.complete(ask("const value = |")))[0]?.insertText, "compute(1);");
});

test("no state is left over", async () => {
  const { completer, writer, model } = await setUp("if (x) {\n  a();\n  b();\n}\n");
  await completer.complete(ask("if (x) {|"));
  await completer.complete(ask("if (x) {\n  a();|"));
  const living = model.living;
  completer.giveUp();
  writer.dispose();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(living < 60);
  assert.equal(model.living, 1);
});
