/**
 * Texts in passages of some lines, and which of them speak of the same things as the lines near a cursor: of the words that
 * both have, the rare ones count most.
 */

/** A passage is two blocks, so that none is cut where another begins. */
const BLOCK_LINES = 8;
const PASSAGE_CHARACTERS = 450;
/** Words are compared as 16 bits: of 60 words, one in ten passages has one by chance. */
const HASHES = 2 ** 16;
const WORD = /[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]{2,}/g;
/** So that a passage of two words is not the likest of all. */
const FEW_WORDS = 10;

/** Languages whose files speak of the same things, as files end; any other ending stands alone. */
const FAMILIES = [
  "c h cc cpp cxx hh hpp hxx cu",
  "ts tsx mts cts js jsx mjs cjs vue svelte",
  "py pyi",
  "kt kts",
];
const FAMILY_OF = new Map(FAMILIES.flatMap((family) => family.split(" ").map((ending) => [ending, family])));

export interface Passage {
  /** Of the text that it is in. */
  readonly key: string;
  readonly relativePath: string;
  /** Whole lines. */
  readonly text: string;
  readonly score: number;
}

/** A text with the words of each of its blocks. */
export interface PassageText {
  /** A path, or the URI of an open document. */
  readonly key: string;
  readonly relativePath: string;
  readonly family: string;
  readonly text: string;
  /** Of all words, in order. */
  readonly hashes: Uint16Array;
  /** Where each block begins, and the end: in the text, and among the words. */
  readonly offsets: readonly number[];
  readonly words: readonly number[];
}

/** Of a repository's files. */
export class Passages {
  readonly #texts = new Map<string, PassageText>();
  /** In how many texts a word is. */
  readonly #counts = new Uint32Array(HASHES);

  set(path: string, relativePath: string, text: string): void {
    this.delete(path);
    const passages = passageText(path, relativePath, text);
    this.#texts.set(path, passages);
    for (const hash of new Set(passages.hashes)) this.#counts[hash] = (this.#counts[hash] ?? 0) + 1;
  }

  delete(path: string): void {
    const passages = this.#texts.get(path);
    if (!passages) return;
    this.#texts.delete(path);
    for (const hash of new Set(passages.hashes)) this.#counts[hash] = (this.#counts[hash] ?? 1) - 1;
  }

  has(path: string): boolean {
    return this.#texts.has(path);
  }

  /** The likest passage of each text, of these texts and of all in here; the likest first. None has no word of `near`. */
  likest(near: string, relativePath: string, others: readonly PassageText[]): Passage[] {
    const weights = this.#weightsOf(near);
    const family = familyOf(relativePath);
    const seen = new Uint32Array(HASHES);
    let round = 0;
    const found: Passage[] = [];
    for (const one of [...others, ...this.#texts.values()]) {
      if (one.family !== family) continue;
      let best = { block: -1, score: 0 };
      for (let block = 0; block + 1 < one.offsets.length; block++) {
        const score = likeness(one, block, weights, seen, ++round);
        if (score > best.score) best = { block, score };
      }
      if (best.block < 0) continue;
      const { key, relativePath } = one;
      found.push({ key, relativePath, score: best.score, text: excerpt(one, best.block) });
    }
    return found.sort((a, b) => b.score - a.score);
  }

  /** Of each hash, what a word in common counts. */
  #weightsOf(near: string): Float32Array {
    const weights = new Float32Array(HASHES);
    for (const hash of hashesOf(near)) weights[hash] = 1 / Math.log2(2 + (this.#counts[hash] ?? 0));
    return weights;
  }
}

export function passageText(key: string, relativePath: string, written: string): PassageText {
  const text = written.replaceAll("\r\n", "\n");
  const offsets = [0];
  let line = 0;
  for (let feed = text.indexOf("\n"); feed >= 0; feed = text.indexOf("\n", feed + 1)) {
    line++;
    if (line % BLOCK_LINES === 0 && feed + 1 < text.length) offsets.push(feed + 1);
  }
  offsets.push(text.length);
  const hashes: number[] = [];
  const words = offsets.slice(1).map((end, i) => {
    const before = hashes.length;
    for (const hash of hashesOf(text.slice(offsets[i], end))) hashes.push(hash);
    return before;
  });
  const family = familyOf(relativePath);
  return {
    key,
    relativePath,
    family,
    text,
    hashes: Uint16Array.from(hashes),
    offsets,
    words: [...words, hashes.length],
  };
}

/** Of the passage that begins with a block; `round` is another one each time, for what is `seen`. */
function likeness(
  { hashes, words }: PassageText,
  block: number,
  weights: Float32Array,
  seen: Uint32Array,
  round: number,
): number {
  const end = words[block + 2] ?? words[block + 1] ?? 0;
  let common = 0;
  let different = 0;
  for (let i = words[block] ?? end; i < end; i++) {
    const hash = hashes[i] ?? 0;
    if (seen[hash] === round) continue;
    seen[hash] = round;
    different++;
    common += weights[hash] ?? 0;
  }
  return common / Math.sqrt(FEW_WORDS + different);
}

function excerpt({ text, offsets }: PassageText, block: number): string {
  const start = offsets[block] ?? 0;
  const rest = text.slice(start, start + PASSAGE_CHARACTERS);
  if (start + rest.length === text.length) return rest;
  return rest.slice(0, rest.lastIndexOf("\n") + 1);
}

function* hashesOf(text: string): Generator<number> {
  for (const [word] of text.matchAll(WORD)) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
    yield (hash ^ (hash >>> 16)) & (HASHES - 1);
  }
}

function familyOf(relativePath: string): string {
  const ending = relativePath.slice(relativePath.lastIndexOf(".") + 1).toLowerCase();
  return FAMILY_OF.get(ending) ?? ending;
}
