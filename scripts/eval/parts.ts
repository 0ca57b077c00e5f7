/** The parts of the evaluation: each takes the options and returns its figures, as they are kept. */
import { join } from "node:path";
import type { Model } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { repositoryHeader } from "../../server/repository/stream.ts";
import { type Answer, answerFigures, compared, thresholds } from "./answers.ts";
import { askedFiles, bitsFigures, type ScoredFile, scoreFile } from "./bits.ts";
import { tokenizerOf, writeCases } from "./cases.ts";
import { type CorpusRepository, heldOutRepositories, trainingRepositories } from "./corpus.ts";
import { askForLines } from "./lines.ts";
import { type NameProbability, nameFigures, nameProbabilities } from "./names.ts";
import { DISTANCES, findNeedles, NEEDLE_TOKENS } from "./needles.ts";
import { fitNgrams, ngramAnswers, ngramBits } from "./ngramBaseline.ts";
import { positionFigures } from "./positions.ts";
import { EVALUATION_CACHE } from "./python.ts";
import {
  COMPARED_CONTEXT_TOKENS,
  COMPARED_FILES,
  COMPARED_REPOSITORIES,
  scoreWithPytorch,
} from "./pytorch.ts";
import { randomSource, shuffled } from "./random.ts";
import { type Condition, readByScoring, type ScoredText, type Text, textsOf } from "./reading.ts";
import { askSmollm2 } from "./smollm2.ts";

export interface Options {
  /** undefined: the embedded one. */
  readonly modelPath: string | undefined;
  readonly ratios: readonly number[];
  readonly window: number | undefined;
  readonly filesEach: number;
  readonly placesEach: number;
  readonly contextTokens: number | undefined;
  readonly only: string;
  readonly say: (text: string) => void;
}

export const PARTS: Readonly<Record<string, (options: Options) => Promise<object>>> = {
  bits,
  lines,
  needles,
  ngram,
  smollm2,
  pytorch,
};

const CONTEXT_TOKENS = 131_072;

function chosen({ only }: Options): CorpusRepository[] {
  return heldOutRepositories().filter(({ name }) => name.includes(only));
}

interface Loaded {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly attentionWindow: number;
}

async function withModel<Result>(
  options: Options,
  use: (loaded: Loaded) => Promise<Result>,
): Promise<Result> {
  const path = options.modelPath ?? EMBEDDED_MODEL_PATH;
  const model = await loadNativeEngine(ADDON_PATH).loadModel(path, { threads: chooseThreads(0) });
  try {
    const tokenizer = await loadTokenizer(path, model.info.vocabSize);
    return await use({ model, tokenizer, attentionWindow: options.window ?? model.info.attentionWindow });
  } finally {
    model.dispose();
  }
}

async function bits(options: Options): Promise<object> {
  return await withModel(options, async (loaded) => {
    const results = [];
    for (const hybridRatio of options.ratios) {
      const files: ScoredFile[] = [];
      const texts: ScoredText[] = [];
      const names: NameProbability[] = [];
      for (const repository of chosen(options)) {
        const read = await bitsOfRepository(loaded, repository, hybridRatio, options);
        files.push(...read.files);
        texts.push(...read.texts);
        names.push(...nameProbabilities(loaded.tokenizer, read.texts));
      }
      const figures = bitsFigures(files);
      const [all] = figures;
      const { alone, read, recalled } = all?.bitsPerByte ?? {};
      options.say(
        `ratio ${hybridRatio}: ${alone?.value.toFixed(3)} alone, ${read?.value.toFixed(3)} after the repository, ${recalled?.value.toFixed(3)} recalled`,
      );
      results.push({
        hybridRatio,
        files,
        figures,
        positions: positionFigures(loaded.tokenizer, texts),
        names: nameFigures(names),
      });
    }
    return { model: loaded.model.info, filesEach: options.filesEach, results };
  });
}

async function bitsOfRepository(
  { model, tokenizer, attentionWindow }: Loaded,
  repository: CorpusRepository,
  hybridRatio: number,
  options: Options,
): Promise<{ files: ScoredFile[]; texts: readonly ScoredText[] }> {
  const { name } = repository;
  const { asked, others } = askedFiles(repository, options.filesEach);
  const stateHeads = Math.round(hybridRatio * model.info.heads);
  const header = repositoryHeader(tokenizer, name.replaceAll("+", "-"));
  // The other conditions cost a reading each, so only the model's default has them by position.
  const isDefault = hybridRatio === model.info.defaultHybridRatio;
  using reading = await readByScoring(model, header, await textsOf(tokenizer, others), {
    stateHeads,
    attentionWindow,
    contextTokens: options.contextTokens ?? CONTEXT_TOKENS,
    conditions: isDefault ? ["read", "alone", "recalled"] : ["read"],
  });
  const empty = model.initialState(stateHeads, attentionWindow);
  const files: ScoredFile[] = [];
  for (const file of asked) {
    const states = { empty, read: reading.state, recall: reading.recall };
    files.push({ repository: name, ...(await scoreFile(model, tokenizer, file, states)) });
  }
  empty.dispose();
  return { files, texts: reading.texts };
}

/** With the repository read and without, at the model's default ratio. */
async function lines(options: Options): Promise<object> {
  const results = [];
  for (const readsRepository of [false, true]) {
    const answers: Answer[] = [];
    for (const repository of chosen(options)) {
      answers.push(
        ...(await askForLines(repository, {
          hybridRatio: undefined,
          attentionWindow: options.window,
          modelPath: options.modelPath ?? "",
          readsRepository,
          placesEach: options.placesEach,
        })),
      );
    }
    results.push({ readsRepository, ...lineFigures(answers, options), thresholds: thresholds(answers) });
  }
  return { placesEach: options.placesEach, results };
}

/** Of all places; and the answers themselves where slow models are asked too, to be compared there. */
function lineFigures(answers: readonly Answer[], { say }: Options) {
  const figures = answerFigures(answers);
  for (const { kind, language, places, exactMatch, charactersSaved, ms } of figures) {
    if (language === "all") {
      say(
        `${kind}, ${places} places: exact ${(100 * exactMatch.value).toFixed(1)} %, ${charactersSaved.value.toFixed(1)} characters saved, p50 ${ms.p50.toFixed(0)} ms`,
      );
    }
  }
  return { figures, answers: compared(answers) };
}

async function needles(options: Options): Promise<object> {
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

async function ngram(options: Options): Promise<object> {
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

async function smollm2(options: Options): Promise<object> {
  const tokenizer = await tokenizerOf(EMBEDDED_MODEL_PATH);
  const cases = join(EVALUATION_CACHE, "cases");
  await writeCases(cases, tokenizer, chosen(options), options.filesEach);
  return { ...askSmollm2(cases) };
}

/** Both at the same files, ratio by ratio, and by how much they differ. */
async function pytorch(options: Options): Promise<object> {
  const modelPath = options.modelPath ?? EMBEDDED_MODEL_PATH;
  const repositories = chosen(options).filter(({ name }) => COMPARED_REPOSITORIES.test(name));
  const contextTokens = options.contextTokens ?? COMPARED_CONTEXT_TOKENS;
  const cases = join(EVALUATION_CACHE, "pytorch-cases");
  await writeCases(cases, await tokenizerOf(modelPath), repositories, COMPARED_FILES);
  const scores = scoreWithPytorch(modelPath, cases, contextTokens, options.ratios);
  const same = { ...options, filesEach: COMPARED_FILES, contextTokens };
  return await withModel(options, async (loaded) => {
    const results = [];
    for (const hybridRatio of options.ratios) {
      const engine: ScoredFile[] = [];
      for (const repository of repositories) {
        engine.push(...(await bitsOfRepository(loaded, repository, hybridRatio, same)).files);
      }
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
