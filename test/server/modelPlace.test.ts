import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  isFetched,
  type MemoryShape,
  textBytes,
  UNFINISHED_FETCH,
  WEIGHTS_INDEX,
} from "../../protocol/catalogue.ts";
import { DEFAULT_SETTINGS, validateSettings } from "../../protocol/settings.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { modelPlace } from "../../server/modelPlace.ts";

const NAME = "granite-4.0-h-350m";
const place = (settings: object, folder = "/nowhere") =>
  modelPlace({ ...DEFAULT_SETTINGS, ...settings }, folder);

test("no name is the embedded model, a path is itself, and `model` counts before its older name", () => {
  assert.equal(place({}).path, EMBEDDED_MODEL_PATH);
  assert.equal(place({ modelPath: "/a" }).path, "/a");
  assert.equal(place({ modelPath: "/a", model: "/b.gguf" }).path, "/b.gguf");
});

test("a name that is not fetched yet, or not whole, is told, and the embedded model stands for it", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stateline-place-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const inFolder = () => place({ model: NAME }, folder);
  const absent = inFolder();
  assert.equal(absent.path, EMBEDDED_MODEL_PATH);
  assert.match(absent.problem ?? "", /^Granite 4\.0 H 350M is not in .* yet, .*Choose Model.*\.$/);
  mkdirSync(join(folder, NAME));
  for (const file of ["config.json", UNFINISHED_FETCH]) writeFileSync(join(folder, NAME, file), "{}");
  assert.equal(inFolder().path, EMBEDDED_MODEL_PATH);
  rmSync(join(folder, NAME, UNFINISHED_FETCH));
  assert.deepEqual(inFolder(), { path: join(folder, NAME) });
  assert.deepEqual(place({ model: NAME, "models.folder": folder }), { path: join(folder, NAME) });
});

test("the setting with a point in its name comes as VS Code nests it, or by its name", () => {
  for (const raw of [{ models: { folder: "/m" } }, { "models.folder": "/m" }])
    assert.equal(validateSettings(raw).settings["models.folder"], "/m");
  assert.match(
    validateSettings({ models: { folder: 3 } }).problems[0] ?? "",
    /stateline\.models\.folder is 3/,
  );
});

test("weights in parts as Qwen3.5's repositories name them are fetched, and the engine opens them", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stateline-parts-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const from = join(import.meta.dirname, "../../native/test/models/qwen3_5");
  const weights = readFileSync(join(from, "model.safetensors"));
  const header: object = JSON.parse(weights.toString("utf8", 8, 8 + Number(weights.readBigUInt64LE())));
  const part = "model.safetensors-00001-of-00001.safetensors";
  const tensors = Object.keys(header).filter((name) => name !== "__metadata__");
  const index = { weight_map: Object.fromEntries(tensors.map((name) => [name, part])) };
  cpSync(join(from, "config.json"), join(folder, "config.json"));
  writeFileSync(join(folder, part), weights);
  writeFileSync(join(folder, WEIGHTS_INDEX), JSON.stringify(index));
  for (const file of [part, WEIGHTS_INDEX]) assert.ok(isFetched(file));
  const model = await loadNativeEngine(ADDON_PATH).loadModel(folder, { threads: 1 });
  assert.equal(model.info.family, "qwen3_5");
  model.dispose();
});

/** Of the small random models beside the engine's tests, by their configurations. */
const shapes: Readonly<Record<string, MemoryShape>> = {
  granite: {
    recurrent: { layers: 2, heads: 4, keys: 24, values: 16, channels: 112 },
    attention: { layers: 1, heads: 2, width: 8 },
  },
  falcon: {
    recurrent: { layers: 2, heads: 4, keys: 24, values: 12, channels: 96 },
    attention: { layers: 2, heads: 2, width: 12 },
  },
  qwen2: { recurrent: null, attention: { layers: 2, heads: 2, width: 8 } },
  "qwen3_5-text": {
    recurrent: { layers: 2, heads: 4, keys: 12, values: 8, channels: 80 },
    attention: { layers: 1, heads: 2, width: 16 },
  },
};
for (const [name, shape] of Object.entries(shapes)) {
  test(`what a text of ${name} is said to take is what the engine holds`, async () => {
    const path = join(import.meta.dirname, "../../native/test/models", name);
    const model = await loadNativeEngine(ADDON_PATH).loadModel(path, { threads: 1 });
    const empty = model.initialState(0, 0);
    const [state] = await model.advance(empty, new Int32Array(640), { priority: "background" });
    assert.ok(state);
    const held = state.stateBytes + state.kvBytes;
    const said = textBytes(shape, 640);
    // Of heads so small what a page says of its tokens is a part.
    assert.ok(Math.abs(held - said) <= 0.2 * said, `${held} bytes are held, ${said} are said`);
    state.dispose();
    empty.dispose();
    model.dispose();
  });
}
