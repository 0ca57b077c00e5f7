/** The embedded model on the first GPU and on the processor, one after the other: reading, decoding, a keystroke. Prints JSON. */
import { chooseThreads } from "../../server/engine/threads.ts";
import { byRatio } from "./engine.ts";
import { loadModelForBench } from "./measure.ts";

async function measure(device: "cpu" | "cuda:0") {
  const bench = await loadModelForBench(chooseThreads(0), device);
  const { info } = bench.model;
  const results = { device: info.device, threads: info.threads, byRatio: await byRatio(bench) };
  bench.model.dispose();
  return results;
}

const cpu = await measure("cpu");
const gpu = await measure("cuda:0");
const faster = gpu.byRatio.map((row, i) => ({
  hybridRatio: row.hybridRatio,
  read: row.readTokensPerSecond / (cpu.byRatio[i]?.readTokensPerSecond ?? Number.NaN),
  decode: row.decodeTokensPerSecond / (cpu.byRatio[i]?.decodeTokensPerSecond ?? Number.NaN),
}));
console.log(JSON.stringify({ cpu, gpu, faster }));
