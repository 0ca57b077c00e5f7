/** The exact memory of the repository and its passages: the text of each file once, as it was read last. */
import type { Recall } from "../engine/engine.ts";
import { Passages } from "./passages.ts";
import type { WorkspaceFile } from "./sources.ts";

/** More than the budget of a reading; the native side needs some 20 bytes a token. */
export const RECALL_TOKENS = 2 ** 20 + 2 ** 17;

/** What is taken of a file that was read. */
export interface Taken {
  readonly file: Pick<WorkspaceFile, "path" | "relativePath">;
  readonly text: string;
  readonly tokens: readonly number[];
}

export class RecallOfFiles {
  readonly recall: Recall;
  readonly passages = new Passages();
  readonly #isLive: (path: string) => boolean;
  readonly #texts = new Map<string, number>();

  /** `isLive`: another text stands for this file, which is then not taken. */
  constructor(recall: Recall, isLive: (path: string) => boolean) {
    this.recall = recall;
    this.#isLive = isLive;
  }

  has(path: string): boolean {
    return this.#texts.has(path);
  }

  /** In place of the file's text before. */
  take({ file: { path, relativePath }, text, tokens }: Taken): void {
    this.forget(path);
    if (this.#isLive(path)) return;
    this.passages.set(path, relativePath, text);
    this.#texts.set(path, this.recall.append(Int32Array.from(tokens)));
  }

  dispose(): void {
    this.recall.dispose();
  }

  forget(path: string): void {
    const text = this.#texts.get(path);
    if (text !== undefined) this.recall.forget(text);
    this.#texts.delete(path);
    this.passages.delete(path);
  }
}
