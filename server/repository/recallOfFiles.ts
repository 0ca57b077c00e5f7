/** The exact memory of the repository: the text of each file once, as it was read last. */
import type { Recall } from "../engine/engine.ts";

/** More than the budget of a reading; the native side needs some 20 bytes a token. */
export const RECALL_TOKENS = 2 ** 20 + 2 ** 17;

export class RecallOfFiles {
  readonly recall: Recall;
  readonly #texts = new Map<string, number>();

  constructor(recall: Recall) {
    this.recall = recall;
  }

  /** In place of the file's text before. */
  take(path: string, tokens: readonly number[]): void {
    this.forget(path);
    this.#texts.set(path, this.recall.append(Int32Array.from(tokens)));
  }

  dispose(): void {
    this.recall.dispose();
  }

  forget(path: string): void {
    const text = this.#texts.get(path);
    if (text !== undefined) this.recall.forget(text);
    this.#texts.delete(path);
  }
}
