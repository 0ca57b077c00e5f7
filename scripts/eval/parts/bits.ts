/** Bits a byte of files, by position, and the names and texts on the way, at every ratio. */
import { repositoryHeader } from "../../../server/repository/stream.ts";
import { askedFiles, type BitsFigures, bitsFigures, type ScoredFile, scoreFile } from "../bits.ts";
import type { CorpusRepository } from "../corpus.ts";
import { type NameProbability, nameFigures, nameProbabilities } from "../names.ts";
import { positionFigures } from "../positions.ts";
import { readByScoring, type ScoredText, textsOf } from "../reading.ts";
import { chosen, type Loaded, type Options, withModel } from "./options.ts";

const CONTEXT_TOKENS = 131_072;

/** Of one ratio, as repository after repository is read. */
export interface Scored {
  readonly hybridRatio: number;
  readonly files: ScoredFile[];
  readonly texts: ScoredText[];
  readonly names: NameProbability[];
}

export function nothingScored({ ratios }: Options): Scored[] {
  return ratios.map((hybridRatio) => ({ hybridRatio, files: [], texts: [], names: [] }));
}

export async function bits(options: Options): Promise<object> {
  return await withModel(options, async (loaded) => {
    const scored = nothingScored(options);
    for (const repository of chosen(options)) {
      await scoreRepository(loaded, repository, scored, options);
      options.say(repository.name);
    }
    const results = scored.map(({ hybridRatio, files, texts, names }) => {
      const figures = bitsFigures(files);
      options.say(`ratio ${hybridRatio}: ${sentence(figures[0])}`);
      return {
        hybridRatio,
        files,
        figures,
        positions: positionFigures(loaded.tokenizer, texts),
        names: nameFigures(names),
      };
    });
    return { model: loaded.model.info, filesEach: options.filesEach, results };
  });
}

function sentence(figures: BitsFigures | undefined): string {
  const { alone, read, recalled } = figures?.bitsPerByte ?? {};
  return `${alone?.value.toFixed(3)} alone, ${read?.value.toFixed(3)} after the repository, ${recalled?.value.toFixed(3)} recalled`;
}

/** Adds to each ratio what it says of the repository, which is tokenised once. */
export async function scoreRepository(
  { model, tokenizer, attentionWindow }: Loaded,
  repository: CorpusRepository,
  scored: readonly Scored[],
  { filesEach, contextTokens = CONTEXT_TOKENS }: Options,
): Promise<void> {
  const { name } = repository;
  const { asked, others } = askedFiles(repository, filesEach);
  const texts = await textsOf(tokenizer, others);
  const header = repositoryHeader(tokenizer, name.replaceAll("+", "-"));
  for (const { hybridRatio, ...found } of scored) {
    const stateHeads = Math.round(hybridRatio * model.info.heads);
    // The other conditions cost a reading each, so only the model's default has them by position.
    const isDefault = hybridRatio === model.info.defaultHybridRatio;
    const conditions = isDefault ? (["read", "alone", "recalled"] as const) : (["read"] as const);
    const tokenKinds = tokenizer.kinds;
    const reading = { stateHeads, attentionWindow, contextTokens, conditions, tokenKinds };
    using read = await readByScoring(model, header, texts, reading);
    const empty = model.initialState(stateHeads, attentionWindow);
    for (const file of asked) {
      const states = { empty, read: read.state, recall: read.recall };
      found.files.push({ repository: name, ...(await scoreFile(model, tokenizer, file, states)) });
    }
    empty.dispose();
    found.texts.push(...read.texts);
    found.names.push(...nameProbabilities(tokenizer, read.texts));
  }
}
