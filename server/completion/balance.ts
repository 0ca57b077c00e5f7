/** Brackets and quotes as characters, for text without a parser; strings and comments are not known. */

const OPENER_OF: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
const CLOSER_OF: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
/** A quote of these closes what it opened on the line; an apostrophe may be anything. */
const QUOTES = ['"', "`"];
/** Enough text before the cursor to find what its lines' closers close. */
const LOOKED_BACK = 4000;

const PROSE = new Set(
  "asciidoc bibtex git-commit latex markdown md plaintext restructuredtext rst tex txt".split(" "),
);

/** Where a bracket needs no partner: "1)", ":(", "[1, 9)". */
export function isProse(languageId: string): boolean {
  return PROSE.has(languageId);
}

/** What would close all that the text opens and leaves open. */
export function missingClosers(text: string): string {
  return scan(text)
    .open.map((opener) => CLOSER_OF[opener])
    .reverse()
    .join("");
}

/** Closers that nothing in the text opens, at their offsets. */
export function unopened(text: string): number[] {
  return scan(text).unopened;
}

export interface Balance {
  /** Closers that neither the line nor what is above it opens. */
  readonly foreign: number;
  /** Those, brackets that the line leaves open, and a quote too many. */
  readonly uneven: number;
  /** Brackets above the line that it does not close. */
  readonly openAbove: number;
}

/** The brackets that are open below these lines. */
export function openAfter(above: string): readonly string[] {
  return scan(above.slice(-LOOKED_BACK)).open;
}

/** Of the cursor's line, where these brackets are open. */
export function balanceOf(openBefore: readonly string[], line: string): Balance {
  const own = scan(line);
  // A closer may be for any of the lines above.
  const above = new Open(openBefore);
  const foreign = own.unopened.filter((offset) => !above.close(line.charAt(offset))).length;
  const odd = QUOTES.filter((quote) => (line.split(quote).length - 1) % 2 === 1);
  const uneven = foreign + own.open.length + own.skipped + odd.length;
  return { foreign, uneven, openAbove: above.openers.length + above.skipped };
}

interface Scan {
  readonly open: readonly string[];
  /** Left open between a bracket and its closer: a bracket in a string, or a closer that is not there. */
  readonly skipped: number;
  readonly unopened: number[];
}

function scan(text: string): Scan {
  const open = new Open();
  const found: number[] = [];
  for (let offset = 0; offset < text.length; offset++) {
    const character = text.charAt(offset);
    if ("([{".includes(character)) open.openers.push(character);
    else if (Object.hasOwn(OPENER_OF, character) && !open.close(character)) found.push(offset);
  }
  return { open: open.openers, skipped: open.skipped, unopened: found };
}

/** The brackets that are open, the innermost last. */
class Open {
  readonly openers: string[];
  skipped = 0;

  constructor(openers: readonly string[] = []) {
    this.openers = [...openers];
  }

  /** false where it closes nothing. */
  close(closer: string): boolean {
    const at = this.openers.lastIndexOf(OPENER_OF[closer] ?? "");
    if (at < 0) return false;
    this.skipped += this.openers.length - 1 - at;
    this.openers.length = at;
    return true;
  }
}
