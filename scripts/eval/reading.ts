/** A repository read by scoring it: the log-probability of every token, and the state and exact memory at the end. */
import type { Model, Recall, State } from "../../server/engine/engine.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { FilePolicy } from "../../server/repository/filePolicy.ts";
import { listFiles, tokenise } from "../../server/repository/sources.ts";
import { fileHeader, repositoryHeader } from "../../server/repository/stream.ts";
import { type CorpusRepository, SILENT, WrittenRepository } from "./corpus.ts";

/** What a text is scored with: all that was read before, nothing but the text, and all with its exact memory. */
export type Condition = "read" | "alone" | "recalled";

export interface Text {
  readonly path: string;
  readonly tokens: readonly number[];
  /** Of the tokens: they name the file and are not counted. */
  readonly headerLength: number;
}

export interface ScoredText extends Text {
  /** Tokens read before it. */
  readonly position: number;
  /** Natural, of each token. */
  readonly logProbs: Readonly<Partial<Record<Condition, Float32Array>>>;
}

export interface Reading extends Disposable {
  readonly texts: readonly ScoredText[];
  readonly state: State;
  readonly recall: Recall;
}

export interface ReadingOptions {
  readonly stateHeads: number;
  readonly attentionWindow: number;
  /** Texts are read while they fit. */
  readonly contextTokens: number;
  readonly conditions: readonly Condition[];
  /** Of the tokenizer, by id. */
  readonly tokenKinds: Uint8Array;
}

/** In the order in which the server fills its index. */
export async function textsOf(tokenizer: Tokenizer, repository: CorpusRepository): Promise<Text[]> {
  using written = new WrittenRepository(repository);
  const policy = new FilePolicy([{ path: written.folder, exclude: [] }]);
  const files = await listFiles(policy, { log: SILENT });
  const texts: Text[] = [];
  for (const file of files) {
    const { relativePath: path } = file;
    const source = await tokenise({ tokenizer, log: SILENT }, file);
    if (source) texts.push({ path, tokens: source.tokens, headerLength: fileHeader(tokenizer, path).length });
  }
  return texts;
}

export function withinTokens(texts: readonly Text[], most: number): Text[] {
  let total = 0;
  return texts.filter(({ tokens }) => {
    total += tokens.length;
    return total <= most;
  });
}

/** `header` is the repository's name, read before its texts. */
export async function readByScoring(
  model: Model,
  header: readonly number[],
  texts: readonly Text[],
  options: ReadingOptions,
): Promise<Reading> {
  const empty = model.initialState(options.stateHeads, options.attentionWindow);
  const recall = model.createRecall(options.contextTokens + texts.length + 1, options.tokenKinds);
  let state = await advanced(model, empty, header);
  let position = header.length;
  const scored: ScoredText[] = [];
  for (const text of withinTokens(texts, options.contextTokens)) {
    const tokens = Int32Array.from(text.tokens);
    const read = await model.score(state, tokens, BACKGROUND);
    const logProbs: Partial<Record<Condition, Float32Array>> = { read: read.logProbs };
    if (options.conditions.includes("alone")) logProbs.alone = await scoresOf(model, empty, tokens);
    if (options.conditions.includes("recalled")) {
      logProbs.recalled = await scoresOf(model, state, tokens, recall);
    }
    scored.push({ ...text, position, logProbs });
    recall.append(tokens);
    state.dispose();
    state = read.state;
    position += tokens.length;
  }
  empty.dispose();
  return {
    texts: scored,
    state,
    recall,
    [Symbol.dispose]: () => {
      state.dispose();
      recall.dispose();
    },
  };
}

const BACKGROUND = { priority: "background" } as const;

export async function advanced(model: Model, state: State, tokens: readonly number[]): Promise<State> {
  const [after] = await model.advance(state, Int32Array.from(tokens), BACKGROUND);
  if (!after) throw new Error("The engine gave no state.");
  return after;
}

/** After `context`, which belongs to the text that is recalled from. */
export async function scoresOf(
  model: Model,
  state: State,
  tokens: Int32Array,
  memory?: Recall,
  context: readonly number[] = [],
): Promise<Float32Array> {
  const recall = memory && { recall: { memory, context: Int32Array.from(context) } };
  const { logProbs, state: after } = await model.score(state, tokens, { ...BACKGROUND, ...recall });
  after.dispose();
  return logProbs;
}

/** Reads a whole repository into a state and an exact memory; `start` stays the caller's. */
export async function readRepository(
  model: Model,
  tokenizer: Tokenizer,
  repository: CorpusRepository,
  start: State,
  recall: Recall,
): Promise<State> {
  const name = repository.name.replaceAll("+", "-");
  let state = await advanced(model, start, repositoryHeader(tokenizer, name));
  for (const { tokens } of await textsOf(tokenizer, repository)) {
    const after = await advanced(model, state, tokens);
    state.dispose();
    state = after;
    recall.append(Int32Array.from(tokens));
  }
  return state;
}
