/** A small model of another family, out of a GGUF file, in the embedded one's place. Its weights are random. */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { DashboardData } from "../../protocol/dashboard.ts";
import { Client } from "./client.ts";
import { program, remove, temporaryFolder, write } from "./repository.ts";

const MODELS = join(import.meta.dirname, "../../native/test/models");
const GGUF = join(MODELS, "gguf-qwen2/model.gguf");

function folder(t: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = temporaryFolder(files);
  t.after(() => remove(root));
  return root;
}

async function start(
  t: TestContext,
  modelPath: string,
  settings = {},
): Promise<{ client: Client; root: string }> {
  const root = folder(t, program(3));
  const storagePath = folder(t);
  const client = await Client.start({
    folders: [root],
    storagePath,
    settings: { modelPath, triggerDelayMs: 1, ...settings },
  });
  t.after(() => client.stop());
  return { client, root };
}

test("a model in a GGUF file reads the repository and answers, and the panels say what it is", async (t) => {
  const { client, root } = await start(t, GGUF, { hybridRatio: 0.5 });
  await client.until(() => client.status?.state === "ready");
  assert.deepEqual(client.shown, []);
  const { model, hybridRatio, layers, stateTokens, stateBytes, kvBytes } = await client.requestStatus();
  assert.match(model, /^model 0\.4M /);
  assert.deepEqual([hybridRatio, layers], [null, { recurrent: 0, attention: 1 }]);
  assert.ok(stateTokens > 1000 && stateBytes === 0 && kvBytes > 0);

  const uri = pathToFileURL(join(root, "src/new.ts")).href;
  const text = 'import { createAccount0 } from "./module0/file0.ts";\nconst account = createAcc';
  await client.open(uri, text);
  const at = { line: 1, character: 25 };
  const items = await client.complete(uri, at, { manual: true });
  const figures = await client.figures();
  assert.ok(figures.tokensDecoded > 0 && figures.contextTokens > stateTokens, JSON.stringify(figures));
  // Random weights say nothing, so that what is recalled decides.
  assert.match(items?.[0]?.insertText ?? "", /^ount0\(/);
  await client.type(uri, at, "o");
  await client.complete(uri, { ...at, character: 26 }, { manual: true });
  assert.ok((await client.figures()).tokensAdvanced <= 2);

  const dashboard: DashboardData = await client.connection.sendRequest("stateline/dashboard");
  assert.deepEqual([dashboard.heads, dashboard.wantedRatio], [0, null]);
  await assert.rejects(
    client.connection.sendRequest("stateline/ratios", {}),
    /This model has no hybrid ratio: of its layers all 1 attend\./,
  );
  const params = { contexts: [64], timeLimitSeconds: 5 };
  const { run } = await client.connection.sendRequest<{ run: { series: { mode: string }[] } }>(
    "stateline/benchmark",
    params,
  );
  assert.deepEqual(
    run.series.map(({ mode }) => mode),
    ["chosen"],
  );
});

test("recall's own weights beside a model are taken, and refused by a sentence when they are none", async (t) => {
  const models = folder(t);
  const modelPath = join(models, "small.gguf");
  copyFileSync(GGUF, modelPath);
  write(models, "small.recall.json", '{"gates": []}');
  const { client } = await start(t, modelPath);
  await client.until(() => client.status?.state === "error");
  assert.match(client.status?.message ?? "", /^[^\n]*small\.recall\.json[^\n]*"gates"[^\n]*16 rows[^\n]*\.$/);
});

const config = JSON.parse(readFileSync(join(MODELS, "qwen2/config.json"), "utf8"));
const broken: readonly [string, (t: TestContext) => string, RegExp][] = [
  ["nothing", () => "/nowhere/model.gguf", /\/nowhere\/model\.gguf/],
  [
    "a file that is no model",
    (t) => join(folder(t, { "notes.txt": "Hello.\n" }), "notes.txt"),
    /notes\.txt.*GGUF/,
  ],
  ["an empty folder", (t) => folder(t), /config\.json/],
  [
    "a model of another family",
    (t) =>
      folder(t, {
        "config.json": JSON.stringify({ ...config, model_type: "bert" }),
        "model.safetensors": readFileSync(join(MODELS, "qwen2/model.safetensors")),
      }),
    /model_type.*"qwen2"/,
  ],
  ["a model without its tokenizer", () => join(MODELS, "qwen2"), /tokenizer\.json.*does not exist/],
];
for (const [name, pathOf, message] of broken) {
  test(`a model's path that names ${name} is answered by a sentence`, async (t) => {
    const { client } = await start(t, pathOf(t));
    await client.until(() => client.status?.state === "error");
    assert.match(client.status?.message ?? "", message);
    assert.match(client.status?.message ?? "", /^[^\n]+\.$/);
  });
}
