/** The catalogue's shapes are those of its models: as many parameters, and a blank model of each runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CATALOGUE, catalogueModel, textBytes } from "../../protocol/catalogue.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { loadBlank } from "../../server/measure/blankModel.ts";
import { modelSpeed } from "../../server/measure/modelSpeed.ts";
import { SHAPES } from "../../server/measure/shapes.ts";
import { addonPath } from "./addon.ts";

/** More than a small machine has in memory: their shapes differ from the smaller ones' by numbers alone. */
const LARGE = 1e9;

const blank = (name: string) =>
  loadBlank(
    {
      loadBeside: (path, options) =>
        loadNativeEngine(addonPath).loadModel(path, { threads: 1, rounding: "int4", ...options }),
    },
    SHAPES[name] ?? assert.fail(name),
  );

test("every model of the catalogue has a shape", () => {
  assert.deepEqual(Object.keys(SHAPES).sort(), CATALOGUE.map(({ name }) => name).sort());
});

for (const { name, parameters, memory } of CATALOGUE.filter((model) => model.parameters < LARGE)) {
  test(`the shape of ${name} has its parameters and its memory`, async () => {
    const model = await blank(name);
    try {
      assert.ok(Math.abs(model.info.parameters / parameters - 1) < 1e-3, `${model.info.parameters}`);
      const tokens = Int32Array.from({ length: 320 }, (_, i) => i);
      const empty = model.initialState(0, 0);
      const [state] = await model.advance(empty, tokens, { priority: "background" });
      const { stateBytes = 0, kvBytes = 0 } = state ?? {};
      const ratio = (stateBytes + kvBytes) / textBytes(memory, tokens.length);
      assert.ok(ratio > 0.9 && ratio < 1.3, `${ratio}`);
    } finally {
      model.dispose();
    }
  });
}

test("a blank model is timed", async () => {
  const { name } = catalogueModel("falcon-h1-tiny-coder-90m") ?? assert.fail();
  const model = await blank(name);
  const speed = await modelSpeed(model, new AbortController().signal);
  model.dispose();
  assert.ok(speed.msPerLine > 0 && speed.readTokensPerSecond > 0);
});
