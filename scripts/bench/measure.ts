/** Small parts that the benches share: the model as the server loads it, reproducible tokens. */
import type { DeviceName } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";

export async function loadModelForBench(
  threads: number,
  device: DeviceName = "cpu",
  folder = EMBEDDED_MODEL_PATH,
) {
  const engine = loadNativeEngine(ADDON_PATH);
  const model = await engine.loadModel(folder, { threads, device });
  return { model };
}

/** Ordinary tokens (the first eight are special); what they say does not change the arithmetic. */
export function randomTokens(count: number, vocabSize: number, seed = 1): Int32Array {
  let x = seed * 2654435761 + 1;
  return Int32Array.from({ length: count }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return 8 + (x % (vocabSize - 8));
  });
}
