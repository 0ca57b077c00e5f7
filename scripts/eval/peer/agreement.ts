/**
 * Compares llama.cpp's logits with those beside GGUF files: FOLDER/NAME/model.gguf and golden.safetensors, as
 * model/golden_gguf.py writes them. Its cache is float32 and flash attention off, else it rounds keys and values to f16.
 *   node scripts/eval/peer/agreement.ts FOLDER
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadLlama } from "./llama.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("Give the folder of the files.");

interface Golden {
  readonly tokens: Int32Array;
  readonly positions: Int32Array;
  /** [positions, vocabulary] */
  readonly logits: Float32Array;
}

function readGolden(path: string): Golden {
  const bytes = readFileSync(path);
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, begin));
  const data = (name: string): ArrayBuffer => {
    const [from, to] = header[name].data_offsets;
    return Uint8Array.from(bytes.subarray(begin + from, begin + to)).buffer;
  };
  return {
    tokens: new Int32Array(data("tokens")),
    positions: new Int32Array(data("positions")),
    logits: new Float32Array(data("logits")),
  };
}

const llama = await loadLlama(2);
for (const name of readdirSync(folder).sort()) {
  const path = join(folder, name, "model.gguf");
  if (!existsSync(path)) continue;
  const { tokens, positions, logits } = readGolden(join(folder, name, "golden.safetensors"));
  const model = await llama.loadModel({ modelPath: path });
  const cache = {
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
    flashAttention: false,
  };
  const context = await model.createContext({ contextSize: 512, ...cache });
  const asked = [...tokens].map((token, at): number | [number, { generateNext: { logits: true } }] =>
    positions.includes(at) ? [token, { generateNext: { logits: true } }] : token,
  );
  const results = await context.getSequence().controlledEvaluate(asked);
  const size = logits.length / positions.length;
  let most = 0;
  for (const [row, at] of positions.entries()) {
    for (let token = 0; token < size; token++) {
      const theirs = results[at]?.next.logits?.get(token) ?? Number.NaN;
      most = Math.max(most, Math.abs(theirs - (logits[row * size + token] ?? Number.NaN)));
    }
  }
  console.log(`${name}: the greatest difference of a logit is ${most.toExponential(1)}`);
  await context.dispose();
  await model.dispose();
}
await llama.dispose();
