/** Other models on the same files and at the same places. */
import { join } from "node:path";
import { chooseThreads } from "../../../server/engine/threads.ts";
import { EMBEDDED_MODEL_PATH } from "../../../server/installation.ts";
import { bitsFigures } from "../bits.ts";
import { tokenizerOf, writeCases } from "../cases.ts";
import { trainingRepositories } from "../corpus.ts";
import { fitNgrams, ngramAnswers, ngramBits } from "../ngramBaseline.ts";
import { askPeer } from "../peer/answers.ts";
import { EVALUATION_CACHE } from "../python.ts";
import { askSmollm2 } from "../smollm2.ts";
import { lineFigures } from "./lines.ts";
import { chosen, type Options } from "./options.ts";

export async function ngram(options: Options): Promise<object> {
  const tokenizer = await tokenizerOf(options.modelPath ?? EMBEDDED_MODEL_PATH);
  const baseline = fitNgrams(tokenizer, trainingRepositories());
  options.say("fitted");
  const repositories = chosen(options);
  const files = repositories.flatMap((one) => ngramBits(baseline, one, options.filesEach));
  const results = [false, true].map((readsRepository) => {
    const answers = repositories.flatMap((one) =>
      ngramAnswers(baseline, one, options.placesEach, readsRepository),
    );
    return { readsRepository, ...lineFigures(answers, options) };
  });
  return { files, bits: bitsFigures(files), results };
}

export async function smollm2(options: Options): Promise<object> {
  const tokenizer = await tokenizerOf(EMBEDDED_MODEL_PATH);
  const cases = join(EVALUATION_CACHE, "cases");
  await writeCases(cases, tokenizer, chosen(options), options.filesEach);
  return { ...askSmollm2(cases) };
}

export async function peer(options: Options): Promise<object> {
  return lineFigures(await askPeer(chosen(options), chooseThreads(0), options.say), options);
}
