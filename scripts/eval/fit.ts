/**
 * Fits the mixture of exact memory and model to training repositories: the gates (native/engine/mixture.cc) and the network
 * after them (native/engine/correction.cc). Those of the embedded model are written into the engine
 * (native/engine/recall_defaults.h), those of another one beside it (recall.json). Then says what they are worth on held-out
 * repositories.
 */
import { accessSync, constants, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Model } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
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
/** In each layout: of a small vocabulary's many tokens as many as fit into memory. */
const MOST_TOKENS = 50_000;
const LAYOUTS = { "as scored": scored, "as completed": completed };

export interface FitOptions {
  /** A folder or a .gguf file; undefined: the embedded one, whose weights go into the engine. */
  readonly modelPath: string | undefined;
  /** The file to write; undefined: where the engine looks for it. */
  readonly out: string | undefined;
  readonly say: (text: string) => void;
}

export async function fitRecall({ modelPath: named, out, say }: FitOptions): Promise<void> {
  const modelPath = named === undefined ? EMBEDDED_MODEL_PATH : resolve(named);
  const isBuiltIn = modelPath === EMBEDDED_MODEL_PATH && out === undefined;
  const path = resolve(isBuiltIn ? BUILT_IN : (out ?? recallPath(modelPath)));
  // Not after an hour's work.
  requireFolder(dirname(path));
  const subject = await load(modelPath);
  const { gates, network } = fitted((await evidenceOf(subject, trainingRepositories(), say)).flat());
  const weights = weightsOf(gates, network);
  writeFileSync(path, isBuiltIn ? headerText(weights) : `${JSON.stringify(weights)}\n`);
  say(`written: ${path}`);
  const heldOut = await evidenceOf(subject, heldOutRepositories(), say);
  subject.model.dispose();
  for (const [i, layout] of Object.keys(LAYOUTS).entries()) {
    const of = heldOut[i] ?? [];
    const figures = {
      "model alone": mean(of, ({ p }) => -Math.log(p)),
      gates: mean(of, (one) => -Math.log(mixedProbability(one, gates))),
      "gates and network": mean(of, (one) => correctedLoss(mixed(one, gates), network)),
    };
    for (const [name, nats] of Object.entries(figures))
      say(`held out, ${of.length} tokens ${layout}, ${name}: ${nats.toFixed(4)} nats a token`);
  }
}

function requireFolder(folder: string): void {
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new Error(
      `${folder} is no folder that can be written into: make it, or name another file by --out.`,
      { cause },
    );
  }
}

function fitted(known: readonly Evidence[]) {
  const gates = fittedGates(known);
  return { gates, network: fittedNetwork(known.map((one) => mixed(one, gates))) };
}

interface Subject {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
}

/** As it is served: matrices rounded as the server rounds them. */
async function load(modelPath: string): Promise<Subject> {
  const options = { threads: chooseThreads(0), rounding: "int8" } as const;
  const model = await loadNativeEngine(ADDON_PATH).loadModel(modelPath, options);
  return { model, tokenizer: await loadTokenizer(modelPath, model.info.vocabSize) };
}

function mean(all: readonly Evidence[], nats: (one: Evidence) => number): number {
  return all.reduce((sum, one) => sum + nats(one), 0) / all.length;
}

/** [layout] */
async function evidenceOf(
  subject: Subject,
  repositories: readonly CorpusRepository[],
  say: FitOptions["say"],
): Promise<Evidence[][]> {
  const small = repositories.filter(
    ({ files }) => files.reduce((sum, { text }) => sum + text.length, 0) < MOST_CHARACTERS,
  );
  const evidence = Object.keys(LAYOUTS).map((): Evidence[] => []);
  for (const repository of shuffled(small, randomSource(5)).slice(0, REPOSITORIES)) {
    for (const [i, found] of (await gather(subject, repository)).entries()) {
      const room = MOST_TOKENS - (evidence[i]?.length ?? 0);
      for (const one of found.slice(0, room)) evidence[i]?.push(one);
    }
    say(`${repository.name}: ${evidence[0]?.length} tokens so far`);
    if (evidence.every(({ length }) => length >= MOST_TOKENS)) break;
  }
  return evidence;
}

async function gather({ model, tokenizer }: Subject, { files }: CorpusRepository): Promise<Evidence[][]> {
  const [least, most] = FILE_CHARACTERS;
  const asked = shuffled(files, randomSource(6))
    .filter(({ text }) => text.length >= least && text.length <= most)
    .slice(0, FILES_EACH);
  const layouts = Object.values(LAYOUTS).map((layout) => ({
    layout,
    memory: model.createRecall(MOST_CHARACTERS, tokenizer.kinds),
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
