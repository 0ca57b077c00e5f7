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
}

/** The brackets that are open below these lines. */
export function openAfter(above: string): readonly string[] {
  return scan(above.slice(-LOOKED_BACK)).open;
}

/** Of the cursor's line, where these brackets are open. */
export function balanceOf(openBefore: readonly string[], line: string): Balance {
  const own = scan(line);
  // A closer may be for any of the lines above.
  const open = [...openBefore];
  const foreign = own.unopened.filter((offset) => {
    const at = open.lastIndexOf(OPENER_OF[line.charAt(offset)] ?? "");
    if (at >= 0) open.length = at;
    return at < 0;
  }).length;
  const odd = QUOTES.filter((quote) => (line.split(quote).length - 1) % 2 === 1);
  return { foreign, uneven: foreign + own.open.length + odd.length };
}

function scan(text: string): { open: string[]; unopened: number[] } {
  const open: string[] = [];
  const found: number[] = [];
  for (let offset = 0; offset < text.length; offset++) {
    const character = text.charAt(offset);
    if ("([{".includes(character)) open.push(character);
    const opener = OPENER_OF[character];
    if (opener === undefined) continue;
    const at = open.lastIndexOf(opener);
    // What was opened since stays open: a bracket in a string, or prose.
    if (at < 0) found.push(offset);
    else open.length = at;
  }
  return { open, unopened: found };
}
