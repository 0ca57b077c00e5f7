/** node-llama-cpp, which is no dependency of this project: ./dev puts it into .cache/peer. What is used of it, typed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const PEER_FOLDER = fileURLToPath(new URL("../../../.cache/peer", import.meta.url));
const PACKAGE = join(PEER_FOLDER, "node_modules", "node-llama-cpp");

export interface Sequence {
  /** Tokens that need not be read again. */
  readonly nextTokenIndex: number;
  /** Of memory that cannot be rolled back: recurrent, or of a window. */
  readonly needsCheckpoints: boolean;
  takeCheckpoint(): Promise<void>;
  clearHistory(): Promise<void>;
  adaptStateToTokens(tokens: readonly number[], allowShift: boolean): Promise<void>;
  evaluate(
    tokens: readonly number[],
    options: { temperature: number; yieldEogToken?: boolean },
  ): AsyncGenerator<number>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  controlledEvaluate(
    tokens: readonly (number | [number, { generateNext: { logits: true } }])[],
  ): Promise<readonly ({ next: { logits?: Map<number, number> } } | undefined)[]>;
}

export interface Context {
  getSequence(): Sequence;
  dispose(): Promise<void>;
}

export interface LlamaModel {
  readonly fileInfo: { readonly metadata: { readonly general: { readonly architecture: string } } };
  tokenize(text: string, specialTokens: boolean): number[];
  detokenize(tokens: readonly number[]): string;
  isEogToken(token: number): boolean;
  createContext(options: object): Promise<Context>;
  dispose(): Promise<void>;
}

export interface Llama {
  readonly llamaCppRelease: { readonly release: string };
  loadModel(options: { modelPath: string; vocabOnly?: boolean }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

/** llama.cpp as the package ships it, on the processor. */
export async function loadLlama(threads: number): Promise<Llama> {
  const { getLlama } = await import(pathToFileURL(join(PACKAGE, "dist", "index.js")).href);
  return await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    logLevel: "error",
    maxThreads: threads,
  });
}

export function packageVersion(): string {
  return JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")).version;
}
