import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import type { CompletionRequest } from "../../server/completion/request.ts";
import type { Engine } from "../../server/engine/engine.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { Stateline } from "../../server/stateline.ts";
import { FakeModel, silentLog } from "./fakes/engine.ts";

const tokenizer = await loadTokenizer(EMBEDDED_MODEL_PATH, 4096);

/** A large model that reads so many tokens a second, beside the embedded one; each knows one line. */
async function setUp(t: TestContext, tokensPerSecond: number) {
  const folder = mkdtempSync(join(tmpdir(), "stateline-reserve-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const large = join(folder, "large");
  cpSync(join(EMBEDDED_MODEL_PATH, "tokenizer.json"), join(large, "tokenizer.json"));
  const repository = join(folder, "repository");
  cpSync(large, repository, { recursive: true });
  writeFileSync(join(repository, "b.ts"), "const other = 1;\n");
  const models = new Map<string, FakeModel>();
  const engine: Engine = {
    loadModel: async (path) => {
      const model = new FakeModel(tokenizer);
      const known = path === large ? "const value = large();\n" : "const value = small();\n";
      model.script = (text) => (known.startsWith(text) ? known.slice(text.length) : "");
      if (path === large) model.tokensPerSecond = tokensPerSecond;
      models.set(path, model);
      return model;
    },
  };
  const better: CompletionRequest[] = [];
  const stateline = new Stateline({
    settings: { ...DEFAULT_SETTINGS, modelPath: large, triggerDelayMs: 1 },
    folders: [{ path: repository, exclude: [] }],
    storagePath: undefined,
    log: silentLog,
    onStatusChanged: () => undefined,
    onBetter: (request) => better.push(request),
    engine: () => engine,
  });
  t.after(() => stateline.dispose());
  await stateline.start();
  await stateline.settled();
  const uri = pathToFileURL(join(repository, "a.ts")).href;
  const text = "const value = ";
  const document = { uri, relativePath: "a.ts", languageId: "typescript", text };
  const request = { document, offset: text.length, manual: false, others: [] };
  const complete = async () => (await stateline.complete(request))[0]?.insertText;
  return { stateline, complete, better, large, models };
}

test("beside a slow model the embedded one answers first, and the slow one's text takes its place", async (t) => {
  const { complete, better, large, models, stateline } = await setUp(t, 50);
  assert.deepEqual([...models.keys()], [large, EMBEDDED_MODEL_PATH]);
  let release = () => {};
  const slow = models.get(large) ?? assert.fail();
  slow.gate = new Promise((resolve) => {
    release = resolve;
  });
  assert.equal(await complete(), "small();");
  release();
  while (better.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await complete(), "large();");
  assert.match(stateline.status.model, /^large/);
});

test("a model that is quick answers alone", async (t) => {
  const { complete, large, models } = await setUp(t, 5000);
  assert.deepEqual([...models.keys()], [large]);
  assert.equal(await complete(), "large();");
});

test("with another model the embedded one goes from beside the slow one", async (t) => {
  const { stateline, models, large } = await setUp(t, 50);
  const beside = models.get(EMBEDDED_MODEL_PATH) ?? assert.fail();
  let disposed = 0;
  beside.dispose = () => void disposed++;
  await stateline.configure({ ...DEFAULT_SETTINGS, modelPath: "" }, []);
  await stateline.settled();
  assert.equal(disposed, 1);
  assert.deepEqual([...models.keys()], [large, EMBEDDED_MODEL_PATH]);
  assert.notEqual(models.get(EMBEDDED_MODEL_PATH), beside);
});
