/** Bits a byte of held-out files: from an empty state, and after the rest of their repository was read. */
import type { Model, Recall, State } from "../../server/engine/engine.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import type { CorpusFile, CorpusRepository } from "./corpus.ts";
import { LANGUAGES, type Language, languageOf } from "./languages.ts";
import { type Estimate, estimate, randomSource, shuffled } from "./random.ts";
import { advanced, type Condition, scoresOf } from "./reading.ts";

const LONGEST_FILE = 24_000;
const SHORTEST_FILE = 400;

export interface ScoredFile {
  readonly repository: string;
  readonly path: string;
  readonly bytes: number;
  /** Those that there are for the model. */
  readonly bits: Readonly<Partial<Record<Condition, number>>>;
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

/** Under each condition; `read` and `recall` are of the rest of the repository. */
export async function scoreFile(
  model: Model,
  tokenizer: Tokenizer,
  file: CorpusFile,
  { empty, read, recall }: { empty: State; read: State; recall: Recall },
): Promise<Omit<ScoredFile, "repository">> {
  const header = fileHeader(tokenizer, file.path);
  const tokens = Int32Array.from(tokenizer.encode(file.text));
  const bitsAfter = async (state: State, memory?: Recall): Promise<number> => {
    const named = await advanced(model, state, header);
    const logProbs = await scoresOf(model, named, tokens, memory, header);
    named.dispose();
    return bitsOf(logProbs);
  };
  return {
    path: file.path,
    bytes: Buffer.byteLength(file.text),
    bits: {
      alone: await bitsAfter(empty),
      read: await bitsAfter(read),
      recalled: await bitsAfter(read, recall),
    },
  };
}

export function bitsOf(logProbs: Float32Array): number {
  return -logProbs.reduce((sum, x) => sum + x, 0) / Math.LN2;
}

export interface BitsFigures {
  readonly language: Language | "all";
  readonly files: number;
  readonly bytes: number;
  readonly bitsPerByte: Readonly<Partial<Record<Condition, Estimate>>>;
}

const CONDITIONS: readonly Condition[] = ["alone", "read", "recalled"];

/** Together and by language, where there are files; of the conditions that there are. */
export function bitsFigures(scored: readonly ScoredFile[]): BitsFigures[] {
  return (["all", ...LANGUAGES] as const).flatMap((language) => {
    const files = scored.filter(({ path }) => language === "all" || languageOf(path) === language);
    if (files.length === 0) return [];
    const bytes = files.map((file) => file.bytes);
    const bitsPerByte: Partial<Record<Condition, Estimate>> = {};
    for (const condition of CONDITIONS) {
      const bits = files.flatMap((file) => file.bits[condition] ?? []);
      if (bits.length > 0) bitsPerByte[condition] = estimate(bits, bytes);
    }
    return [{ language, files: files.length, bytes: bytes.reduce((sum, x) => sum + x, 0), bitsPerByte }];
  });
}
