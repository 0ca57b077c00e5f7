/**
 * What this engine and llama.cpp write after the same prompts, of the same GGUF file, the likeliest token each time: lines of
 * this repository. Where they part, how far this engine holds its own token above theirs. Exits with 1 where that is no near tie.
 *   node scripts/eval/peer/greedy.ts [--prompts N] [--write N] [--threads N] [FILE]
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Model } from "../../../server/engine/engine.ts";
import { loadNativeEngine } from "../../../server/engine/native.ts";
import { ADDON_PATH } from "../../../server/installation.ts";
import { median } from "../../../server/measure/statistics.ts";
import { randomSource, shuffled } from "../random.ts";
import { type LlamaModel, loadLlama, PEER_FOLDER, packageVersion, type Sequence } from "./llama.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PROMPT_TOKENS = 96;
/** llama.cpp multiplies 4-bit weights by activations of 8 bits; f32 activations move a logit by some tenths. */
const NEAR_TIE_NATS = 0.5;
const PLAIN = {
  priority: "completion",
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
} as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompts: { type: "string", default: "200" },
    write: { type: "string", default: "16" },
    threads: { type: "string", default: "1" },
  },
});
const file = positionals[0] ?? join(PEER_FOLDER, "peer.gguf");
const count = Number(values.write);

/** From the beginning of a line somewhere in a file. */
function promptsOf(model: LlamaModel, most: number): number[][] {
  const random = randomSource(1);
  const paths = globSync("{server,native,model,scripts}/**/*.{ts,cc,h,py}", { cwd: ROOT });
  const prompts: number[][] = [];
  for (const path of shuffled(paths.sort(), random)) {
    const lines = readFileSync(join(ROOT, path), "utf8").split("\n");
    const from = Math.floor((random() * lines.length) / 2);
    const tokens = model.tokenize(lines.slice(from).join("\n"), false).slice(0, PROMPT_TOKENS);
    if (tokens.length === PROMPT_TOKENS) prompts.push(tokens);
    if (prompts.length === most) break;
  }
  return prompts;
}

async function theirs(sequence: Sequence, prompt: readonly number[]): Promise<number[]> {
  await sequence.clearHistory();
  const written: number[] = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true }))
    if (written.push(token) === count) break;
  return written;
}

/** How far ours is above theirs where the texts part; undefined where they are the same. */
async function gap(
  model: Model,
  prompt: readonly number[],
  written: readonly number[],
): Promise<number | undefined> {
  using kept = new DisposableStack();
  const empty = kept.adopt(model.initialState(0, 0), (state) => state.dispose());
  const [read] = await model.advance(empty, Int32Array.from(prompt), { priority: "completion" });
  if (!read) throw new Error("No state came of a prompt.");
  kept.adopt(read, (state) => state.dispose());
  const ours = await model.generate(read, { ...PLAIN, maxTokens: count });
  ours.state.dispose();
  const at = written.findIndex((token, i) => token !== ours.tokens[i]);
  if (at < 0) return undefined;
  const [here] = await model.advance(empty, Int32Array.from([...prompt, ...written.slice(0, at)]), {
    priority: "completion",
  });
  if (!here) throw new Error("No state came of a prompt.");
  kept.adopt(here, (state) => state.dispose());
  const [logProbs] = await model.logProbs([here], { priority: "completion" });
  return (logProbs?.[ours.tokens[at] ?? -1] ?? Number.NaN) - (logProbs?.[written[at] ?? -1] ?? Number.NaN);
}

const threads = Number(values.threads);
const llama = await loadLlama(threads);
const peer = await llama.loadModel({ modelPath: file });
const context = await peer.createContext({ contextSize: PROMPT_TOKENS + count + 8, sequences: 1, threads });
const sequence = context.getSequence();
const model = await loadNativeEngine(ADDON_PATH).loadModel(file, { threads });
const prompts = promptsOf(peer, Number(values.prompts));
const gaps: number[] = [];
for (const prompt of prompts) {
  const apart = await gap(model, prompt, await theirs(sequence, prompt));
  if (apart !== undefined) gaps.push(apart);
}
const far = gaps.filter((nats) => !(nats <= NEAR_TIE_NATS));
console.log(
  `${file}, node-llama-cpp ${packageVersion()}: of ${prompts.length} prompts of ${PROMPT_TOKENS} tokens, ` +
    `${prompts.length - gaps.length} go on with the same ${count} tokens. Where the others part, ours is above theirs by ` +
    `${median(gaps).toFixed(3)} nats (median), ${Math.max(...gaps).toFixed(3)} at most; ${far.length} are no near tie.`,
);
model.dispose();
await llama.dispose();
process.exitCode = far.length > 0 ? 1 : 0;
