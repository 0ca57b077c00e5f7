/** What other open documents tell about this one. */
import { importedBy } from "../repository/imports.ts";
import { homeOf, type OpenDocument, sameTexts } from "./request.ts";

const MOST_SNIPPETS = 2;
const SNIPPET_CHARACTERS = 900;
const LINES_BEFORE_EDIT = 12;
const MOST_CHOICES = 32;

export interface Snippet {
  readonly uri: string;
  readonly relativePath: string;
  readonly text: string;
}

interface Choice {
  readonly start: number;
  readonly others: readonly OpenDocument[];
  readonly snippets: readonly Snippet[];
}

/**
 * Chosen anew when the prefix begins elsewhere, and on coming back from another document if the others' texts have changed
 * since, or one may not be quoted any more; between two keystrokes in a document nothing changes, or all that comes after the snippets would be read again.
 */
export class SnippetChoice {
  /** By document or notebook, the oldest first. */
  readonly #choices = new Map<string, Choice>();
  #latest = "";

  /** `start`: the offset at which the prefix begins. */
  choose(start: number, document: OpenDocument, others: readonly OpenDocument[]): readonly Snippet[] {
    const home = homeOf(document);
    const cameBack = this.#latest !== home;
    this.#latest = home;
    const known = this.#choices.get(home);
    const mayStay = known?.snippets.every((snippet) => others.some(({ uri }) => uri === snippet.uri));
    if (known?.start === start && mayStay && !(cameBack && !sameTexts(known.others, others)))
      return known.snippets;
    const snippets = chooseSnippets(document, others);
    this.#choices.delete(home);
    this.#choices.set(home, { start, others, snippets });
    for (const oldest of this.#choices.keys()) {
      if (this.#choices.size <= MOST_CHOICES) break;
      this.#choices.delete(oldest);
    }
    return snippets;
  }
}

/** Documents that this one imports come last, closest to it; documents of other languages only if it imports them. */
export function chooseSnippets(document: OpenDocument, others: readonly OpenDocument[]): Snippet[] {
  const imports = importedBy({ ...document, text: (document.notebook?.before ?? "") + document.text });
  return others
    .filter(({ uri }) => uri !== document.uri)
    .map((other) => ({ other, isImported: imports(other.relativePath) }))
    .filter(
      ({ other, isImported }) =>
        isImported || (other.languageId === document.languageId && other.editedLine !== undefined),
    )
    .sort((a, b) => Number(b.isImported) - Number(a.isImported))
    .slice(0, MOST_SNIPPETS)
    .reverse()
    .map(({ other }) => ({ uri: other.uri, relativePath: other.relativePath, text: excerpt(other) }))
    .filter((snippet) => snippet.text.trim() !== "");
}

function excerpt(document: OpenDocument): string {
  const lines = document.text.slice(0, 200_000).replaceAll("\r\n", "\n").split("\n");
  const first = Math.max(0, (document.editedLine ?? 0) - LINES_BEFORE_EDIT);
  let text = "";
  for (const line of lines.slice(first)) {
    if (text.length + line.length > SNIPPET_CHARACTERS) break;
    text += `${line}\n`;
  }
  return text;
}
