/**
 * The engine by itself, on the embedded model or that of a folder named: reading, decoding, a keystroke, memory, and a busy
 * neighbour. Prints JSON.
 */
import { spawn } from "node:child_process";
import { median, type Quantiles, quantiles } from "../../server/measure/statistics.ts";
import { loadModelForBench, randomTokens } from "./measure.ts";

const READ_TOKENS = 4096;
const DECODE_TOKENS = 128;
const REPEATS = 5;
const KEYSTROKES = 100;
const WINDOW = 2048;

const background = { priority: "background" } as const;
const completion = { priority: "completion" } as const;
const greedy = { temperature: 0, topP: 1, seed: 1, stopTokens: new Int32Array() } as const;

type Bench = Awaited<ReturnType<typeof loadModelForBench>>;
type State = ReturnType<Bench["model"]["initialState"]>;

async function stateAfter(
  { model }: Bench,
  stateHeads: number,
  window: number,
  tokens: number,
): Promise<State> {
  const start = model.initialState(stateHeads, window);
  const [state] = await model.advance(start, randomTokens(tokens, model.info.vocabSize), background);
  start.dispose();
  if (state === undefined) throw new Error("The engine returned no state.");
  return state;
}

async function readTokensPerSecond(bench: Bench, stateHeads: number): Promise<number> {
  const speeds: number[] = [];
  for (let repeat = 0; repeat < REPEATS; ++repeat) {
    const begin = performance.now();
    (await stateAfter(bench, stateHeads, WINDOW, READ_TOKENS)).dispose();
    speeds.push((1000 * READ_TOKENS) / (performance.now() - begin));
  }
  return median(speeds);
}

async function decodeTokensPerSecond({ model }: Bench, state: State): Promise<number> {
  const speeds: number[] = [];
  for (let repeat = 0; repeat < REPEATS; ++repeat) {
    const begin = performance.now();
    const generated = await model.generate(state, { ...completion, ...greedy, maxTokens: DECODE_TOKENS });
    speeds.push((1000 * generated.tokens.length) / (performance.now() - begin));
    generated.state.dispose();
  }
  return median(speeds);
}

/** One typed character is one to three tokens: advance by two and decode the first token of the answer. */
async function keystrokeMs({ model }: Bench, state: State): Promise<Quantiles> {
  const times: number[] = [];
  for (let key = 0; key < KEYSTROKES; ++key) {
    const begin = performance.now();
    const [after] = await model.advance(state, randomTokens(2, model.info.vocabSize, key), completion);
    if (after === undefined) throw new Error("The engine returned no state.");
    const generated = await model.generate(after, { ...completion, ...greedy, maxTokens: 1 });
    times.push(performance.now() - begin);
    generated.state.dispose();
    after.dispose();
  }
  return quantiles(times);
}

export async function byRatio(bench: Bench) {
  const { heads } = bench.model.info;
  const rows = [];
  for (const stateHeads of [heads, Math.round(0.75 * heads), Math.round(0.5 * heads), 0]) {
    const state = await stateAfter(bench, stateHeads, WINDOW, READ_TOKENS);
    rows.push({
      hybridRatio: stateHeads / heads,
      attentionWindow: WINDOW,
      contextTokens: READ_TOKENS,
      readTokensPerSecond: await readTokensPerSecond(bench, stateHeads),
      decodeTokensPerSecond: await decodeTokensPerSecond(bench, state),
      keystrokeMs: await keystrokeMs(bench, state),
      stateBytes: state.stateBytes,
      kvBytes: state.kvBytes,
    });
    state.dispose();
  }
  return rows;
}

/** Decoding with one other process that wants a core all the time, as a compiler beside an editor does. */
async function besideBusyProcess(bench: Bench) {
  const { heads } = bench.model.info;
  const state = await stateAfter(bench, Math.round(0.75 * heads), WINDOW, READ_TOKENS);
  const quiet = await decodeTokensPerSecond(bench, state);
  const neighbour = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
  const busy = await decodeTokensPerSecond(bench, state);
  neighbour.kill();
  state.dispose();
  return { threads: bench.model.info.threads, quiet, busy, ratio: busy / quiet };
}

async function measure(threads: number, folder?: string) {
  const bench = await loadModelForBench(threads, "cpu", folder);
  const { info } = bench.model;
  const results = {
    threads,
    cpuLevel: info.cpuLevel,
    model: { parameters: info.parameters, quantization: info.quantization, weightBytes: info.weightBytes },
    byRatio: await byRatio(bench),
    besideBusyProcess: await besideBusyProcess(bench),
  };
  bench.model.dispose();
  return results;
}

export type EngineResults = readonly Awaited<ReturnType<typeof measure>>[];

if (import.meta.main) {
  const folder = process.argv[2];
  console.log(JSON.stringify([await measure(1, folder), await measure(2, folder)]));
}
