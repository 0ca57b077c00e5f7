/** Characters as a person sees them: an offset inside of one is moved before it, so that nothing is cut in two. */

/** Longer than a family of emoji; text that stacks more marks on one letter is a prank. */
const MOST_UNITS = 128;
const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** `offset` in UTF-16 units, or the beginning of the character that it stands in: a surrogate pair, an accent, CRLF. */
export function wholeCharacterOffset(text: string, offset: number): number {
  if (offset <= 0 || offset >= text.length) return Math.min(Math.max(offset, 0), text.length);
  if (isAscii(text, offset) && isAscii(text, offset - 1) && text[offset] !== "\n") return offset;
  // A character begins at an ASCII one, however many marks follow it.
  const least = Math.max(0, offset - MOST_UNITS);
  let start = offset - 1;
  while (start > least && !isAscii(text, start)) start--;
  const piece = text.slice(start, offset + MOST_UNITS);
  return start + (GRAPHEMES.segment(piece).containing(offset - start)?.index ?? 0);
}

function isAscii(text: string, offset: number): boolean {
  return text.charCodeAt(offset) < 0x80;
}

/** Characters that two texts have in common at their beginnings. */
export function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
