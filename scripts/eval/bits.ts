/** Bits a byte of held-out files: from an empty state, and after the rest of their repository was read. */
import type { Model, Recall, State } from "../../server/engine/engine.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { readInto } from "../../server/repository/reading.ts";
import { listFiles, tokenStream } from "../../server/repository/sources.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import { type CorpusFile, type CorpusRepository, SILENT, WrittenRepository } from "./corpus.ts";
import { type Estimate, estimate, randomSource, shuffled } from "./random.ts";

const BUDGET_TOKENS = 1_000_000;
const LONGEST_FILE = 24_000;
const SHORTEST_FILE = 400;

export interface BitsOptions {
  readonly stateHeads: number;
  readonly attentionWindow: number;
  readonly filesEach: number;
}

export interface ScoredFile {
  readonly repository: string;
  readonly path: string;
  readonly bytes: number;
  readonly bitsAlone: number;
  readonly bitsAfterRepository: number;
  /** And what was read is recalled exactly. */
  readonly bitsRecalled: number;
}

export async function scoreFiles(
  model: Model,
  tokenizer: Tokenizer,
  repository: CorpusRepository,
  options: BitsOptions,
): Promise<ScoredFile[]> {
  const { asked, others } = askedFiles(repository, options.filesEach);
  const empty = model.initialState(options.stateHeads, options.attentionWindow);
  const recall = model.createRecall(BUDGET_TOKENS);
  const read = await readRepository(model, tokenizer, others, empty, recall);
  const scored: ScoredFile[] = [];
  for (const file of asked) {
    scored.push({
      repository: repository.name,
      path: file.path,
      bytes: Buffer.byteLength(file.text),
      bitsAlone: await bitsOf(model, tokenizer, empty, file),
      bitsAfterRepository: await bitsOf(model, tokenizer, read, file),
      bitsRecalled: await bitsOf(model, tokenizer, read, file, recall),
    });
  }
  read.dispose();
  recall.dispose();
  empty.dispose();
  return scored;
}

/** Which files are scored, and the repository without them. */
export function askedFiles(
  repository: CorpusRepository,
  most: number,
): { asked: readonly CorpusFile[]; others: CorpusRepository } {
  const asked = shuffled(repository.files, randomSource(3))
    .filter(({ text }) => text.length >= SHORTEST_FILE && text.length <= LONGEST_FILE)
    .slice(0, most);
  return {
    asked,
    others: { ...repository, files: repository.files.filter((file) => !asked.includes(file)) },
  };
}

export async function readRepository(
  model: Model,
  tokenizer: Tokenizer,
  repository: CorpusRepository,
  start: State,
  recall: Recall,
): Promise<State> {
  using written = new WrittenRepository(repository);
  const stream = streamOf(tokenizer, written, (tokens) => recall.append(Int32Array.from(tokens)));
  const { state } = await readInto(model, start, stream, BUDGET_TOKENS, {
    signal: new AbortController().signal,
    streamHash: "",
    onBatch: () => false,
  });
  return state;
}

/** The server's own order of reading; `onText` sees the tokens of each file. */
export async function* streamOf(
  tokenizer: Tokenizer,
  { folder }: WrittenRepository,
  onText: (tokens: readonly number[]) => void,
): AsyncGenerator<readonly number[]> {
  const { signal } = new AbortController();
  const files = await listFiles([folder], BUDGET_TOKENS * 3, { exclude: [], log: SILENT, signal });
  yield* tokenStream(tokenizer, [folder], files, SILENT, (source) => onText(source.tokens));
}

/** Of the text; the header that names the file is read and not counted. */
async function bitsOf(
  model: Model,
  tokenizer: Tokenizer,
  state: State,
  file: CorpusFile,
  memory?: Recall,
): Promise<number> {
  const header = Int32Array.from(fileHeader(tokenizer, file.path));
  const [named] = await model.advance(state, header, { priority: "background" });
  if (!named) throw new Error("The engine gave no state.");
  const tokens = Int32Array.from(tokenizer.encode(file.text));
  const { logProbs, state: after } = await model.score(named, tokens, {
    priority: "background",
    ...(memory ? { recall: { memory, context: header } } : {}),
  });
  after.dispose();
  named.dispose();
  return -logProbs.reduce((sum, x) => sum + x, 0) / Math.LN2;
}

export interface BitsFigures {
  readonly files: number;
  readonly bytes: number;
  readonly alone: Estimate;
  readonly afterRepository: Estimate;
  readonly recalled: Estimate;
}

export function bitsFigures(scored: readonly ScoredFile[]): BitsFigures {
  const bytes = scored.map((file) => file.bytes);
  return {
    files: scored.length,
    bytes: bytes.reduce((sum, x) => sum + x, 0),
    alone: estimate(
      scored.map((file) => file.bitsAlone),
      bytes,
    ),
    afterRepository: estimate(
      scored.map((file) => file.bitsAfterRepository),
      bytes,
    ),
    recalled: estimate(
      scored.map((file) => file.bitsRecalled),
      bytes,
    ),
  };
}
