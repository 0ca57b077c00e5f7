/** Numbers asked for long after they were read, at every ratio. */
import type { Tokenizer } from "../../../server/engine/tokenizer.ts";
import type { CorpusRepository } from "../corpus.ts";
import { DISTANCES, findNeedles, NEEDLE_TOKENS } from "../needles.ts";
import { randomSource, shuffled } from "../random.ts";
import { type Text, textsOf } from "../reading.ts";
import { chosen, type Options, withModel } from "./options.ts";

export async function needles(options: Options): Promise<object> {
  return await withModel(options, async ({ model, tokenizer, attentionWindow }) => {
    const longest = options.contextTokens ?? DISTANCES.at(-1) ?? 0;
    const texts = await someTexts(tokenizer, chosen(options), longest);
    const results = [];
    for (const hybridRatio of options.ratios) {
      const stateHeads = Math.round(hybridRatio * model.info.heads);
      const figures = await findNeedles(model, tokenizer, texts, { stateHeads, attentionWindow, longest });
      for (const { kind, distance, recalled, exact } of figures) {
        options.say(
          `ratio ${hybridRatio}, ${kind} ${distance} tokens back${recalled ? ", recalled" : ""}: ${(100 * exact.value).toFixed(0)} %`,
        );
      }
      results.push({ hybridRatio, figures });
    }
    return { model: model.info, attentionWindow, results };
  });
}

/** Of one repository after another, in many languages, until the farthest question can be asked. */
async function someTexts(
  tokenizer: Tokenizer,
  repositories: readonly CorpusRepository[],
  longest: number,
): Promise<Text[]> {
  const texts: Text[] = [];
  let tokens = 0;
  for (const repository of shuffled(repositories, randomSource(13))) {
    if (tokens > longest + NEEDLE_TOKENS) break;
    const found = await textsOf(tokenizer, repository);
    tokens += found.reduce((sum, text) => sum + text.tokens.length, 0);
    texts.push(...found);
  }
  return texts;
}
