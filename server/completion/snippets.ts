/** What other places tell about this one: passages that speak of the same things, of other files and of the file's far parts. */
import { type Passage, type Passages, type PassageText, passageText } from "../repository/passages.ts";
import { homeOf, lineAfter, type OpenDocument, type Surroundings, sameTexts } from "./request.ts";

export const MOST_SNIPPETS = 2;
/** Lines that say what a place is about. */
const NEAR_LINES_BEFORE = 12;
const NEAR_LINES_AFTER = 4;
/** Of the document itself so much is looked at on either side. */
const FAR_CHARACTERS = 64 * 1024;
/** A choice stays while the cursor is no further away, since another one has all that follows the snippets read again. */
const NEAR_LINES = 32;
const MOST_CHOICES = 32;

export type Snippet = Pick<Passage, "key" | "relativePath" | "text">;

/** What of the surroundings the model reads anyway. */
export interface View extends Surroundings {
  /** The offset in the text before the cursor from which it is read. */
  readonly start: number;
  /** What is read of the text after it. */
  readonly suffix: string;
}

interface Choice {
  readonly start: number;
  readonly line: number;
  readonly others: readonly OpenDocument[];
  readonly snippets: readonly Snippet[];
}

/**
 * Chosen anew when the prefix begins elsewhere or the cursor is far from where it was, and on coming back from another document
 * if the others' texts have changed since, or one may not be quoted any more; between two keystrokes in a document nothing
 * changes, or all that comes after the snippets would be read again.
 */
export class SnippetChoice {
  /** Of the repository's files, but for open ones. */
  readonly #files: () => Passages;
  /** By document or notebook, the oldest first. */
  readonly #choices = new Map<string, Choice>();
  /** Other open documents, by their URIs. */
  #open = new Map<string, { readonly text: string; readonly passages: PassageText }>();
  #latest = "";
  readonly #most: number;

  constructor(files: () => Passages, most = MOST_SNIPPETS) {
    this.#files = files;
    this.#most = most;
  }

  choose(view: View, document: OpenDocument, others: readonly OpenDocument[]): readonly Snippet[] {
    const { start } = view;
    const line = feedsIn(view.before);
    const home = homeOf(document);
    const cameBack = this.#latest !== home;
    this.#latest = home;
    const known = this.#choices.get(home);
    if (known?.start === start && Math.abs(line - known.line) <= NEAR_LINES) {
      const mayStay = known.snippets.every(({ key }) => this.#mayQuote(key, document, others));
      if (mayStay && !(cameBack && !sameTexts(known.others, others))) return known.snippets;
    }
    const snippets = this.#snippetsFor(view, document, others);
    this.#choices.delete(home);
    this.#choices.set(home, { start, line, others, snippets });
    for (const oldest of this.#choices.keys()) {
      if (this.#choices.size <= MOST_CHOICES) break;
      this.#choices.delete(oldest);
    }
    return snippets;
  }

  #mayQuote(key: string, document: OpenDocument, others: readonly OpenDocument[]): boolean {
    return key === document.uri || this.#files().has(key) || others.some(({ uri }) => uri === key);
  }

  /** The likest last, closest to the place. */
  #snippetsFor(view: View, document: OpenDocument, others: readonly OpenDocument[]): Snippet[] {
    const { before, after, start } = view;
    const near = [
      ...before.split("\n").slice(-NEAR_LINES_BEFORE),
      ...after.split("\n").slice(1, 1 + NEAR_LINES_AFTER),
    ];
    const open = [...this.#passagesOf(others), ...farParts(view, document)];
    const inView = before.slice(start) + view.suffix;
    const chosen: Passage[] = [];
    for (const passage of this.#files().likest(near.join("\n"), document.relativePath, open)) {
      const text = passage.text.trim();
      if (text === "" || [inView, ...chosen.map((one) => one.text)].some((seen) => seen.includes(text)))
        continue;
      chosen.push(passage);
      if (chosen.length === this.#most) break;
    }
    return chosen.reverse();
  }

  #passagesOf(others: readonly OpenDocument[]): PassageText[] {
    const before = this.#open;
    this.#open = new Map();
    return others.map(({ uri, relativePath, text }) => {
      const known = before.get(uri);
      const one = known?.text === text ? known : { text, passages: passageText(uri, relativePath, text) };
      this.#open.set(uri, one);
      return one.passages;
    });
  }
}

/** Of the document itself: what the model does not read. */
function farParts(
  { before, after, start, suffix }: View,
  { uri, relativePath }: OpenDocument,
): PassageText[] {
  const read = (after.startsWith(suffix) ? 0 : lineAfter(after).length) + suffix.length;
  return [
    passageText(uri, relativePath, before.slice(Math.max(0, start - FAR_CHARACTERS), start)),
    passageText(uri, relativePath, after.slice(read, read + FAR_CHARACTERS)),
  ];
}

function feedsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
