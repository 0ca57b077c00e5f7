/** What an editor puts to the right of the cursor by itself: brackets, quotes, closing tags, and the punctuation among them. */

const CLOSER = /[)\]}>"'`;,:]|<\/[\w.:-]*>|[/%?]>|-->/y;

export function hasOnlyClosers(text: string): boolean {
  return (closersAhead(text).at(-1)?.end ?? 0) === text.trimEnd().length;
}

export interface Closer {
  readonly text: string;
  /** Offset behind it. */
  readonly end: number;
}

/** The closers that a text begins with. */
export function closersAhead(text: string): Closer[] {
  const closers: Closer[] = [];
  for (let at = 0; at < text.length; ) {
    at += text.length - at - text.slice(at).trimStart().length;
    CLOSER.lastIndex = at;
    const found = CLOSER.exec(text)?.[0];
    if (found === undefined) break;
    at += found.length;
    closers.push({ text: found, end: at });
  }
  return closers;
}

/** Between other text it does not close anything. */
export function isPunctuation(closer: Closer): boolean {
  return /^[;,:]$/.test(closer.text);
}
