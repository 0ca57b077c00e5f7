/** Brackets and quotes in code, without a parser: strings end with their line, comments are taken as code. */

const CLOSER_OF: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const QUOTES = "\"'`";

/** Brackets, quotes and ends of statements: what an editor puts behind the cursor by itself. */
export function hasOnlyClosers(text: string): boolean {
  return /^[\s)\]}>"'`;,:]*$/.test(text);
}

export interface Mark {
  readonly kind: "open" | "close" | "unmatched";
  readonly character: string;
  readonly offset: number;
}

/** The brackets' story of a text, continued piece after piece. */
export class BracketScanner {
  /** Closers that the brackets still open are waiting for, the innermost last. */
  readonly #awaited: string[] = [];
  #quote = "";
  #escaped = false;

  get awaited(): readonly string[] {
    return this.#awaited;
  }

  /** The quote character of the string that is open at the end, or "". */
  get quote(): string {
    return this.#quote;
  }

  /** Every bracket outside of strings, and quotes that end a string begun in an earlier piece, as "close". */
  scan(text: string): Mark[] {
    const marks: Mark[] = [];
    const openedBefore = this.#quote !== "";
    let inherited = openedBefore;
    for (let offset = 0; offset < text.length; offset++) {
      const character = text.charAt(offset);
      if (this.#quote !== "") {
        if (this.#endsString(character)) {
          if (inherited) marks.push({ kind: "close", character, offset });
          inherited = false;
        }
        continue;
      }
      if (QUOTES.includes(character)) {
        if (!isApostrophe(text, offset)) this.#quote = character;
        continue;
      }
      const kind = this.#bracket(character);
      if (kind) marks.push({ kind, character, offset });
    }
    return marks;
  }

  #endsString(character: string): boolean {
    if (character === "\n" && this.#quote !== "`") {
      this.#quote = "";
      this.#escaped = false;
      return false;
    }
    if (this.#escaped) {
      this.#escaped = false;
      return false;
    }
    if (character === "\\") {
      this.#escaped = true;
      return false;
    }
    if (character !== this.#quote) return false;
    this.#quote = "";
    return true;
  }

  #bracket(character: string): Mark["kind"] | undefined {
    const closer = CLOSER_OF[character];
    if (closer) {
      this.#awaited.push(closer);
      return "open";
    }
    if (!")]}".includes(character)) return undefined;
    if (this.#awaited.at(-1) !== character) return "unmatched";
    this.#awaited.pop();
    return "close";
  }
}

/** "don't", and Rust's 'a: between letters or before a lone name it is no string. */
function isApostrophe(text: string, offset: number): boolean {
  if (text.charAt(offset) !== "'") return false;
  if (/[\p{L}\p{N}]/u.test(text.charAt(offset - 1)) && /\p{L}/u.test(text.charAt(offset + 1))) return true;
  return /^'([a-z_]|static)(?!['\w])/.test(text.slice(offset, offset + 8));
}

/** Enough text before the cursor to know the brackets that matter. */
const SCANNED_CHARACTERS = 20_000;

export function scannerAfter(before: string): BracketScanner {
  const scanner = new BracketScanner();
  // From a line's beginning, since a string does not reach over it.
  const start =
    before.length <= SCANNED_CHARACTERS ? 0 : before.indexOf("\n", before.length - SCANNED_CHARACTERS);
  scanner.scan(before.slice(Math.max(0, start)));
  return scanner;
}
