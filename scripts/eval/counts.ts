/** Counts of n-grams in an open-addressed table of 64-bit hashes, which doubles when it is half full. */

/** Multipliers of the two halves (Steele and Vigna 2021; Knuth's golden ratio). */
const MULTIPLIER_A = 0x915f77f5;
const MULTIPLIER_B = 0x9e3779b1;

export const EMPTY_A = 1;
export const EMPTY_B = 2;

/** An n-gram's hash grows from its newest token to its oldest; the two halves are mixed alike. */
export function extendA(hash: number, token: number): number {
  const mixed = Math.imul(hash ^ (token + 1), MULTIPLIER_A);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

export function extendB(hash: number, token: number): number {
  const mixed = Math.imul(hash + token + 1, MULTIPLIER_B);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

export class Counts {
  /** Tokens of the longest n-grams. */
  readonly order: number;
  /** All tokens pushed. */
  total = 0;
  #recent: number[] = [];
  #used = 0;
  #a: Uint32Array;
  #b: Uint32Array;
  #counts: Uint32Array;

  constructor(order: number, capacity = 1 << 12) {
    this.order = order;
    this.#a = new Uint32Array(capacity);
    this.#b = new Uint32Array(capacity);
    this.#counts = new Uint32Array(capacity);
  }

  beginText(): void {
    this.#recent = [];
  }

  /** Continues the text: counts every n-gram that ends here. */
  push(token: number): void {
    this.total++;
    this.#recent.unshift(token);
    if (this.#recent.length > this.order) this.#recent.pop();
    let a = EMPTY_A;
    let b = EMPTY_B;
    for (const each of this.#recent) {
      a = extendA(a, each);
      b = extendB(b, each);
      this.#add(a, b, 1);
    }
  }

  /** Of the n-gram with this hash. */
  of(a: number, b: number): number {
    return this.#counts[this.#find(a, b)] ?? 0;
  }

  /** Where it stands, or the free place where it would. */
  #find(a: number, b: number): number {
    const mask = this.#counts.length - 1;
    let at = a & mask;
    while (this.#counts[at] !== 0 && (this.#b[at] !== b || this.#a[at] !== a)) at = (at + 1) & mask;
    return at;
  }

  #add(a: number, b: number, count: number): void {
    const at = this.#find(a, b);
    if (this.#counts[at] === 0) this.#used++;
    this.#a[at] = a;
    this.#b[at] = b;
    this.#counts[at] = (this.#counts[at] ?? 0) + count;
    if (this.#used * 2 > this.#counts.length) this.#grow();
  }

  #grow(): void {
    const [a, b, counts] = [this.#a, this.#b, this.#counts];
    this.#a = new Uint32Array(2 * a.length);
    this.#b = new Uint32Array(2 * a.length);
    this.#counts = new Uint32Array(2 * a.length);
    this.#used = 0;
    for (let i = 0; i < counts.length; i++) {
      if (counts[i] !== 0) this.#add(a[i] ?? 0, b[i] ?? 0, counts[i] ?? 0);
    }
  }
}
