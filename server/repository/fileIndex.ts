/**
 * The exact memory of the repository and its passages: the text of each file once, as it was read last, and what is known of
 * the file.
 */
import type { Recall } from "../engine/engine.ts";
import type { KnownFile } from "./comparison.ts";
import { Passages } from "./passages.ts";
import type { ReadSource } from "./sources.ts";

/** More than the budget of a reading; the native side needs some 20 bytes a token. */
export const RECALL_TOKENS = 2 ** 20 + 2 ** 17;

export class FileIndex {
  readonly recall: Recall;
  readonly passages = new Passages();
  readonly #isLive: (path: string) => boolean;
  readonly #texts = new Map<string, number>();
  readonly #known = new Map<string, KnownFile>();
  #tokens = 0;

  /** `isLive`: another text stands for this file, which is then not taken. */
  constructor(recall: Recall, isLive: (path: string) => boolean) {
    this.recall = recall;
    this.#isLive = isLive;
  }

  /** Files by path, also those that another text stands for. */
  get known(): ReadonlyMap<string, KnownFile> {
    return this.#known;
  }

  /** Of the known files, with their headers. */
  get tokens(): number {
    return this.#tokens;
  }

  has(path: string): boolean {
    return this.#texts.has(path);
  }

  /** In place of the file's text before. */
  take({ file, hash, text, tokens }: ReadSource): void {
    this.note({ file, hash, tokens: tokens.length });
    this.withdraw(file.path);
    if (this.#isLive(file.path)) return;
    this.passages.set(file.path, file.relativePath, text);
    this.#texts.set(file.path, this.recall.append(Int32Array.from(tokens)));
  }

  /** Its text is taken later. */
  note(known: KnownFile): void {
    const { path } = known.file;
    this.#tokens += known.tokens - (this.#known.get(path)?.tokens ?? 0);
    this.#known.set(path, known);
  }

  /** The text goes, the file stays known: another text stands for it. */
  withdraw(path: string): void {
    const text = this.#texts.get(path);
    if (text !== undefined) this.recall.forget(text);
    this.#texts.delete(path);
    this.passages.delete(path);
  }

  /** Whether it was known. */
  forget(path: string): boolean {
    this.withdraw(path);
    this.#tokens -= this.#known.get(path)?.tokens ?? 0;
    return this.#known.delete(path);
  }

  dispose(): void {
    this.recall.dispose();
  }
}
