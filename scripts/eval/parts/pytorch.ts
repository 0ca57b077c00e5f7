/** The engine's bits beside PyTorch's. */
import { join } from "node:path";
import { EMBEDDED_MODEL_PATH } from "../../../server/installation.ts";
import { tokenizerOf, writeCases } from "../cases.ts";
import { EVALUATION_CACHE } from "../python.ts";
import {
  COMPARED_CONTEXT_TOKENS,
  COMPARED_FILES,
  COMPARED_REPOSITORIES,
  scoreWithPytorch,
} from "../pytorch.ts";
import type { Condition } from "../reading.ts";
import { nothingScored, scoreRepository } from "./bits.ts";
import { chosen, type Options, withModel } from "./options.ts";

/** Both at the same files, ratio by ratio, and by how much they differ. */
export async function pytorch(options: Options): Promise<object> {
  const modelPath = options.modelPath ?? EMBEDDED_MODEL_PATH;
  const repositories = chosen(options).filter(({ name }) => COMPARED_REPOSITORIES.test(name));
  const contextTokens = options.contextTokens ?? COMPARED_CONTEXT_TOKENS;
  const cases = join(EVALUATION_CACHE, "pytorch-cases");
  await writeCases(cases, await tokenizerOf(modelPath), repositories, COMPARED_FILES);
  const scores = scoreWithPytorch(modelPath, cases, contextTokens, options.ratios);
  const same = { ...options, filesEach: COMPARED_FILES, contextTokens };
  return await withModel(options, async (loaded) => {
    const scored = nothingScored(options);
    for (const repository of repositories) await scoreRepository(loaded, repository, scored, same);
    const results = [];
    for (const { hybridRatio, files: engine } of scored) {
      const theirs = scores.filter((score) => score.hybridRatio === hybridRatio);
      for (const condition of ["alone", "read"] as const) {
        const bits = (all: readonly { bits: Partial<Record<Condition, number>> }[]): number =>
          all.reduce((sum, one) => sum + (one.bits[condition] ?? Number.NaN), 0);
        const bytes = engine.reduce((sum, file) => sum + file.bytes, 0);
        const [ours, pytorchs] = [bits(engine) / bytes, bits(theirs) / bytes];
        results.push({
          hybridRatio,
          condition,
          files: engine.length,
          bytes,
          engine: ours,
          pytorch: pytorchs,
        });
        options.say(
          `ratio ${hybridRatio}, ${condition}: engine ${ours.toFixed(4)}, PyTorch ${pytorchs.toFixed(4)}`,
        );
      }
    }
    return { contextTokens, results };
  });
}
