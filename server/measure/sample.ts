/** A small sample of the repository: some files that are scored, and others that are read before them. */
import { createHash } from "node:crypto";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import type { FilePolicy } from "../repository/filePolicy.ts";
import { readText } from "../repository/readText.ts";
import { withoutSecretLines } from "../repository/secretLines.ts";
import { folderName, listFiles, tokenise } from "../repository/sources.ts";
import { fileHeader, fileTokens, repositoryHeader } from "../repository/stream.ts";

const MOST_FILES = 8;
const SHORTEST_BYTES = 400;
/** Of each scored file: its beginning. */
const MOST_FILE_TOKENS = 768;
/** Read before them: the end of the reading order, where the files stand that were worked on last. */
const CONTEXT_TOKENS = 8192;

export interface SampleFile {
  readonly header: Int32Array;
  readonly tokens: Int32Array;
  readonly bytes: number;
}

export interface Sample {
  /** With the headers of repository and files. */
  readonly context: Int32Array;
  /** The texts in the context, for exact recall. */
  readonly contextFiles: readonly Int32Array[];
  /** Of the tokenizer, by id. */
  readonly tokenKinds: Uint8Array;
  readonly files: readonly SampleFile[];
}

/** The repository has nothing to measure on; the message is one sentence. */
export class SampleError extends Error {
  override name = "SampleError";
}

export interface SampleOptions {
  readonly policy: FilePolicy;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Which files are scored depends on their paths alone, so that runs can be compared. */
export async function takeSample(tokenizer: Tokenizer, options: SampleOptions): Promise<Sample> {
  const { policy, log } = options;
  const all = await listFiles(policy, options);
  const byHash = all
    .filter(({ sizeBytes }) => sizeBytes >= SHORTEST_BYTES)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  // At least half of a small repository is left to be read.
  const asked = byHash.slice(0, Math.min(MOST_FILES, Math.floor(all.length / 2)));
  const files: SampleFile[] = [];
  for (const { path, relativePath } of asked) {
    options.signal.throwIfAborted();
    const read = await readText(path);
    if (read.kind === "text")
      files.push(await sampleFile(tokenizer, relativePath, await withoutSecretLines(read.text)));
  }
  const contextFiles: Int32Array[] = [];
  let length = 0;
  for (const file of all.filter((one) => !asked.includes(one)).reverse()) {
    if (length >= CONTEXT_TOKENS) break;
    options.signal.throwIfAborted();
    const source = await tokenise({ tokenizer, log }, file);
    if (!source) continue;
    contextFiles.unshift(Int32Array.from(source.tokens.slice(0, CONTEXT_TOKENS - length)));
    length += source.tokens.length;
  }
  if (files.length === 0 || contextFiles.length === 0) {
    throw new SampleError(
      "There is too little to measure on: open a folder with some text files of at least 400 characters.",
    );
  }
  const context = [
    repositoryHeader(tokenizer, folderName(policy.paths[0] ?? "")),
    ...contextFiles.map((one) => [...one]),
  ];
  return { context: Int32Array.from(context.flat()), contextFiles, tokenKinds: tokenizer.kinds, files };
}

function keyOf({ relativePath }: { readonly relativePath: string }): string {
  return createHash("sha256").update(relativePath).digest("hex");
}

async function sampleFile(tokenizer: Tokenizer, relativePath: string, text: string): Promise<SampleFile> {
  const header = fileHeader(tokenizer, relativePath);
  const tokens = (await fileTokens(tokenizer, relativePath, text))
    .slice(header.length)
    .slice(0, MOST_FILE_TOKENS);
  return {
    header: Int32Array.from(header),
    tokens: Int32Array.from(tokens),
    bytes: tokens.reduce((sum, token) => sum + tokenizer.bytesOf(token).length, 0),
  };
}
