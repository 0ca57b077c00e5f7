/**
 * Fits the mixture of exact memory and model to training repositories: the gates (native/engine/mixture.cc) and the network
 * after them (native/engine/correction.cc). Those of the embedded model are written into the engine
 * (native/engine/recall_defaults.h), those of another one beside it (recall.json). Then says what they are worth on held-out
 * repositories.
 * Usage: node scripts/eval/fit.ts [folder or .gguf file of a model]
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import { type CorpusRepository, heldOutRepositories, trainingRepositories } from "./corpus.ts";
import type { Evidence } from "./fit/evidence.ts";
import { fittedGates, mixedProbability } from "./fit/gates.ts";
import { completed, evidenceIn, scored, tokensOf } from "./fit/layouts.ts";
import { correctedLoss, fittedNetwork, mixed } from "./fit/network.ts";
import { headerText, recallPath, weightsOf } from "./fit/weights.ts";
import { randomSource, shuffled } from "./random.ts";

const BUILT_IN = fileURLToPath(new URL("../../native/engine/recall_defaults.h", import.meta.url));
const REPOSITORIES = 16;
const FILES_EACH = 2;
/** Small ones, so that many are seen. */
const MOST_CHARACTERS = 1_000_000;
const FILE_CHARACTERS = [1000, 8000] as const;
const LAYOUTS = { "as scored": scored, "as completed": completed };

const modelPath = process.argv[2] ?? EMBEDDED_MODEL_PATH;
const model = await loadNativeEngine(ADDON_PATH).loadModel(modelPath, {
  threads: chooseThreads(0),
  rounding: "int8",
});
const tokenizer = await loadTokenizer(modelPath, model.info.vocabSize);
const known = (await evidenceOf(trainingRepositories())).flat();
const heldOut = await evidenceOf(heldOutRepositories());
model.dispose();
const gates = fittedGates(known);
const network = fittedNetwork(known.map((one) => mixed(one, gates)));
const weights = weightsOf(gates, network);
if (modelPath === EMBEDDED_MODEL_PATH) writeFileSync(BUILT_IN, headerText(weights));
else writeFileSync(recallPath(modelPath), `${JSON.stringify(weights)}\n`);
for (const [i, layout] of Object.keys(LAYOUTS).entries()) {
  const of = heldOut[i] ?? [];
  const figures = {
    "model alone": mean(of, ({ p }) => -Math.log(p)),
    gates: mean(of, (one) => -Math.log(mixedProbability(one, gates))),
    "gates and network": mean(of, (one) => correctedLoss(mixed(one, gates), network)),
  };
  for (const [name, nats] of Object.entries(figures)) {
    process.stderr.write(
      `held out, ${of.length} tokens ${layout}, ${name}: ${nats.toFixed(4)} nats a token\n`,
    );
  }
}

function mean(all: readonly Evidence[], nats: (one: Evidence) => number): number {
  return all.reduce((sum, one) => sum + nats(one), 0) / all.length;
}

/** [layout] */
async function evidenceOf(repositories: readonly CorpusRepository[]): Promise<Evidence[][]> {
  const small = repositories.filter(
    ({ files }) => files.reduce((sum, { text }) => sum + text.length, 0) < MOST_CHARACTERS,
  );
  const evidence = Object.keys(LAYOUTS).map((): Evidence[] => []);
  for (const repository of shuffled(small, randomSource(5)).slice(0, REPOSITORIES)) {
    for (const [i, found] of (await gather(repository)).entries()) {
      for (const one of found) evidence[i]?.push(one);
    }
    process.stderr.write(`${repository.name}: ${evidence[0]?.length} tokens so far\n`);
  }
  return evidence;
}

async function gather({ files }: CorpusRepository): Promise<Evidence[][]> {
  const [least, most] = FILE_CHARACTERS;
  const asked = shuffled(files, randomSource(6))
    .filter(({ text }) => text.length >= least && text.length <= most)
    .slice(0, FILES_EACH);
  const layouts = Object.values(LAYOUTS).map((layout) => ({
    layout,
    memory: model.createRecall(MOST_CHARACTERS),
    found: [] as Evidence[],
  }));
  for (const { path, text } of files.filter((file) => !asked.includes(file))) {
    const tokens = Int32Array.from([...fileHeader(tokenizer, path), ...tokenizer.encode(text)]);
    for (const { memory } of layouts) memory.append(tokens);
  }
  for (const file of asked) {
    const tokens = tokensOf(tokenizer, file);
    const open = layouts.map(({ layout, memory }) => layout(model, memory, tokens));
    for (const [i, one] of (await evidenceIn(model, tokens, open)).entries()) layouts[i]?.found.push(...one);
  }
  for (const { memory } of layouts) memory.dispose();
  return layouts.map(({ found }) => found);
}
