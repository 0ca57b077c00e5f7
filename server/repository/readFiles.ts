/** Files after one another into a state, and which of them it has read to their ends. */
import type { Model, State } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import type { KnownFile, KnownFiles } from "./comparison.ts";
import { type ReadSettings, type ReadSoFar, readInto } from "./reading.ts";
import type { ReadingPlan } from "./readingPlan.ts";
import type { ReadText } from "./readText.ts";
import type { RecallOfFiles } from "./recallOfFiles.ts";
import { folderName, tokenise } from "./sources.ts";
import { repositoryHeader } from "./stream.ts";

/** While a state that serves goes on, completions start from what is read so far, renewed at this step. */
const PUBLISH_EVERY_TOKENS = 16_384;

/** One stream of tokens, and which files it has in the form that they have now. */
export interface Stream {
  readonly settings: ReadSettings;
  state: State;
  streamHash: string;
  readonly known: KnownFiles;
  /** It has read what may not be read by now: it is saved no more, and everything is read again. */
  holdsForbidden: boolean;
}

export interface ReadProgress {
  readonly reading: boolean;
  readonly tokensRead: number;
  readonly tokensTotal: number;
  readonly tokensPerSecond: number;
}

export type TextAt = (path: string) => Promise<ReadText>;

export interface ReadFilesOptions {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly log: Log;
  readonly textAt: TextAt;
  readonly recall: RecallOfFiles;
  readonly signal: AbortSignal;
  readonly budgetTokens: number;
  /** Whether completions start from this stream. */
  readonly isServed: boolean;
  readonly onProgress: (progress: Omit<ReadProgress, "reading">) => void;
  /** The stream has another state than before. */
  readonly onTaken: () => void;
}

interface Arriving {
  readonly file: KnownFile;
  /** Of what is read here, when the file is at its end. */
  readonly endTokens: number;
}

/** Continues the stream with the planned files. When it is cancelled, the stream is whole as far as it came. */
export async function readFiles(stream: Stream, plan: ReadingPlan, options: ReadFilesOptions): Promise<void> {
  const { model, signal, budgetTokens, isServed, onProgress, onTaken } = options;
  const startedMs = performance.now();
  const before = stream.state.tokenCount;
  const arriving: Arriving[] = [];
  let takenTokens = 0;
  const take = (soFar: ReadSoFar) => {
    takenTokens = soFar.tokens;
    continueWith(stream, soFar, arriving);
    onTaken();
  };
  const report = (tokens: number) => {
    const tokensPerSecond = (tokens * 1000) / Math.max(1, performance.now() - startedMs);
    const tokensRead = before + tokens;
    const tokensTotal = Math.max(tokensRead, before + plan.estimatedTokens);
    onProgress({ tokensRead, tokensTotal, tokensPerSecond });
  };
  report(0);
  const tokens = tokensOf(plan, stream, arriving, options);
  const { streamHash } = stream;
  const onBatch = (soFar: ReadSoFar): boolean => {
    report(soFar.tokens);
    if (isServed && soFar.tokens - takenTokens < PUBLISH_EVERY_TOKENS) return false;
    take(soFar);
    return true;
  };
  take(await readInto(model, stream.state, tokens, budgetTokens, { signal, streamHash, onBatch }));
}

function continueWith(stream: Stream, { state, streamHash, tokens }: ReadSoFar, arriving: Arriving[]): void {
  const before = stream.state;
  stream.state = state;
  stream.streamHash = streamHash;
  if (before !== state) before.dispose();
  const next = arriving.findIndex(({ endTokens }) => endTokens > tokens);
  const arrived = arriving.splice(0, next < 0 ? arriving.length : next);
  for (const { file } of arrived) stream.known.set(file.file.path, file);
}

/** The tokens of each file, after its repository's name where that was not read before. */
async function* tokensOf(
  plan: ReadingPlan,
  { known, settings }: Stream,
  arriving: Arriving[],
  { recall, ...reader }: ReadFilesOptions,
): AsyncGenerator<readonly number[]> {
  const begun = new Set([...known.values()].map(({ file }) => file.folder));
  let endTokens = 0;
  for (let file = plan.next(); file; file = plan.next()) {
    const source = await tokenise(reader, file);
    plan.count(file, source?.tokens.length ?? 0);
    if (!source) continue;
    const { hash, tokens } = source;
    if (!begun.has(file.folder)) {
      begun.add(file.folder);
      const header = repositoryHeader(reader.tokenizer, folderName(settings.policy.paths[file.folder] ?? ""));
      endTokens += header.length;
      yield header;
    }
    endTokens += tokens.length;
    arriving.push({ file: { file, hash, tokens: tokens.length }, endTokens });
    recall.take(source);
    yield tokens;
  }
}
