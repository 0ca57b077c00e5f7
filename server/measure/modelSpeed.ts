/** How fast a model reads and writes here, by doing so, and what the machine has for models that were not measured. */
import { LINE_TOKENS, type MachineRoom, type ModelSpeed } from "../../protocol/models.ts";
import { describeDevice } from "../engine/device.ts";
import { type Model, type State, throwIfCancelled } from "../engine/engine.ts";
import { median } from "./statistics.ts";

const READ_TOKENS = 64;
const TYPED_TOKENS = 2;
const ROUNDS = 3;
/** Far more than caches hold. */
const COPIED_BYTES = 64 * 2 ** 20;

export async function modelSpeed(model: Model, signal: AbortSignal): Promise<Omit<ModelSpeed, "ofShape">> {
  using kept = new DisposableStack();
  const keep = (state: State | undefined): State => {
    if (!state) throw new Error("No state came of the tokens.");
    return kept.adopt(state, (one) => one.dispose());
  };
  const { info } = model;
  const empty = keep(
    model.initialState(Math.round(info.defaultHybridRatio * info.heads), info.attentionWindow),
  );
  const read = async (from: State, count: number) =>
    keep((await model.advance(from, tokens(count, info.vocabSize), { priority: "background", signal }))[0]);
  // The first time pages are loaded, and what is packed is packed.
  const warm = await read(empty, READ_TOKENS);
  const readMs = await timed(() => read(empty, READ_TOKENS));
  const lines: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    throwIfCancelled(signal);
    lines.push(await timed(async () => write(model, await read(warm, TYPED_TOKENS), signal)));
  }
  return {
    msPerLine: median(lines),
    readTokensPerSecond: (1000 * READ_TOKENS) / readMs,
    weightBytes: info.weightBytes,
    device: describeDevice(info),
  };
}

async function write(model: Model, from: State, signal: AbortSignal): Promise<void> {
  const plain = { temperature: 0, topP: 1, seed: 0, stopTokens: new Int32Array() };
  const { state } = await model.generate(from, {
    ...plain,
    priority: "background",
    signal,
    maxTokens: LINE_TOKENS,
  });
  state.dispose();
}

function tokens(count: number, vocabSize: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (i * 7919 + 13) % vocabSize);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begunMs = performance.now();
  await work();
  return performance.now() - begunMs;
}

/** Copying reads and writes each byte: reading alone, on as many threads as a model has, is about twice as fast. */
export function machineRoom(): MachineRoom {
  const [from, to] = [Buffer.alloc(COPIED_BYTES, 1), Buffer.alloc(COPIED_BYTES, 2)];
  const times = Array.from({ length: ROUNDS }, () => {
    const begunMs = performance.now();
    from.copy(to);
    return performance.now() - begunMs;
  });
  const bytesPerSecond = (2 * 1000 * COPIED_BYTES) / median(times);
  return { freeBytes: process.availableMemory(), bytesPerSecond };
}
