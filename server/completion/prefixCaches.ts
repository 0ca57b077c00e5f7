/** A prefix cache for each of the documents (or notebooks) used last, so that going to and fro between two of them is free. */
import type { Model } from "../engine/engine.ts";
import { PrefixCache } from "./prefixCache.ts";

/** Each holds about 40 states, of some hundred kilobytes where all heads are in state mode. */
const MOST_DOCUMENTS = 3;

export class PrefixCaches {
  readonly #model: Model;
  /** The most recently used last. */
  readonly #caches = new Map<string, PrefixCache>();

  constructor(model: Model) {
    this.#model = model;
  }

  of(home: string): PrefixCache {
    const cache = this.#caches.get(home) ?? new PrefixCache(this.#model);
    this.#caches.delete(home);
    this.#caches.set(home, cache);
    for (const [oldest, unused] of this.#caches) {
      if (this.#caches.size <= MOST_DOCUMENTS) break;
      this.#caches.delete(oldest);
      unused.dispose();
    }
    return cache;
  }

  /** In place of the one before. */
  replace(home: string, cache: PrefixCache): void {
    this.#caches.get(home)?.dispose();
    this.#caches.set(home, cache);
  }

  dispose(): void {
    for (const cache of this.#caches.values()) cache.dispose();
    this.#caches.clear();
  }
}
