// Under the Node of another platform: loads its addon and the embedded model, and writes what that writes into a file (an emulated
// Windows has no pipe to speak through). It is plain JavaScript, so that any Node runs it: node trial.cjs ADDON MODEL FILE
const { writeFileSync } = require("node:fs");
const [, , addonPath, modelPath, outPath] = process.argv;
const addon = require(addonPath);
const tokens = Int32Array.from({ length: 200 }, (_, i) => 300 + ((i * i * 31) % 3000));
const greedy = {
  priority: "completion",
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
  maxTokens: 24,
};

async function main() {
  const model = await addon.loadModel(modelPath, { threads: 2, rounding: "int8" });
  const empty = model.initialState(6, 1024);
  const [state] = await model.advance(empty, tokens, {
    priority: "completion",
    checkpoints: [tokens.length],
  });
  const restored = await model.restore(await model.serialize(state));
  const written = await Promise.all([state, restored].map((from) => model.generate(from, greedy)));
  const texts = written.map(({ tokens }) => tokens.join(" "));
  const { platform, arch, version } = process;
  return { platform, arch, version, level: addon.cpuLevel(), texts };
}

void main().then(
  (outcome) => writeFileSync(outPath, JSON.stringify(outcome)),
  (error) => writeFileSync(outPath, JSON.stringify({ error: String(error) })),
);
