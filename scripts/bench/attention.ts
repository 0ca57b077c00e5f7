/** State against attention on the embedded model, as the editor's command measures it, with more rounds. Prints JSON. */
import type { BenchmarkRun } from "../../protocol/benchmark.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { runBenchmark } from "../../server/measure/run.ts";
import { loadModelForBench } from "./measure.ts";

/** Each of the contexts up to here is measured three times. */
const SHORT_TOKENS = 16_384;
const TIME_LIMIT_SECONDS = Number(process.env.STATELINE_BENCH_SECONDS ?? 120);

async function measure(): Promise<BenchmarkRun> {
  const { model } = await loadModelForBench(chooseThreads(0));
  const { info } = model;
  const subject = {
    model,
    tokenizer: await loadTokenizer(EMBEDDED_MODEL_PATH, info.vocabSize),
    modelName: "stateline",
    stateHeads: Math.round(info.defaultHybridRatio * info.heads),
    attentionWindow: info.attentionWindow,
  };
  const { signal } = new AbortController();
  const run = await runBenchmark(subject, { timeLimitSeconds: TIME_LIMIT_SECONDS }, signal, {
    shortTokens: SHORT_TOKENS,
    onProgress: () => undefined,
    onPoint: ({ mode, point }) =>
      console.error(
        `${mode} ${point.contextTokens}: ${Math.round(point.prefillTokensPerSecond)} tokens/s read, ` +
          `${Math.round(point.decodeTokensPerSecond)} decoded`,
      ),
  });
  model.dispose();
  return run;
}

if (import.meta.main) console.log(JSON.stringify(await measure()));
