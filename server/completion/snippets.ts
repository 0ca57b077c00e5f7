/** What other open documents tell about this one. Chosen anew only when the place changes, so that a keystroke changes nothing. */
import { posix } from "node:path";
import { isSecret } from "../repository/fileRules.ts";
import type { OpenDocument } from "./request.ts";

const MOST_SNIPPETS = 2;
const SNIPPET_CHARACTERS = 900;
const LINES_BEFORE_EDIT = 12;
const MOST_PLACES = 32;

export interface Snippet {
  readonly relativePath: string;
  readonly text: string;
}

export class SnippetChoice {
  /** By place: a document and the block in it where the prefix begins. */
  readonly #chosen = new Map<string, readonly Snippet[]>();

  choose(place: string, document: OpenDocument, others: readonly OpenDocument[]): readonly Snippet[] {
    const known = this.#chosen.get(place);
    if (known) return known;
    const chosen = chooseSnippets(document, others);
    this.#chosen.set(place, chosen);
    for (const oldest of this.#chosen.keys()) {
      if (this.#chosen.size <= MOST_PLACES) break;
      this.#chosen.delete(oldest);
    }
    return chosen;
  }
}

/** Documents that this one imports come last, closest to it; documents of other languages only if it imports them. */
export function chooseSnippets(document: OpenDocument, others: readonly OpenDocument[]): Snippet[] {
  const imports = importLines(document.text);
  const isImported = (other: OpenDocument) => imports.includes(posix.parse(other.relativePath).name);
  return others
    .filter((other) => other.uri !== document.uri && !isSecret(other.relativePath))
    .filter(
      (other) =>
        isImported(other) || (other.languageId === document.languageId && other.editedLine !== undefined),
    )
    .sort((a, b) => Number(isImported(b)) - Number(isImported(a)))
    .slice(0, MOST_SNIPPETS)
    .reverse()
    .map((other) => ({ relativePath: other.relativePath, text: excerpt(other) }))
    .filter((snippet) => snippet.text.trim() !== "");
}

function importLines(text: string): string {
  return text
    .slice(0, 8000)
    .split("\n")
    .filter((line) =>
      /^\s*(import|from|use|using|#include|require|const .*require\(|export .* from)\b/.test(line),
    )
    .join("\n");
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
