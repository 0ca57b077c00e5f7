/** The documents that the editor has open: their text, where each was edited last, and the order of use. */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type TextDocumentContentChangeEvent, TextDocuments } from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { OpenDocument } from "./completion/request.ts";
import { pathInside } from "./repository/sources.ts";

export class OpenDocuments {
  readonly all = new TextDocuments(this.#configuration());
  readonly #editedLine = new Map<string, number>();
  /** The most recently used last. */
  readonly #recent = new Set<string>();

  get(uri: string): TextDocument | undefined {
    return this.all.get(uri);
  }

  noteUse(uri: string): void {
    this.#recent.delete(uri);
    this.#recent.add(uri);
  }

  noteClosed(uri: string): void {
    this.#recent.delete(uri);
    this.#editedLine.delete(uri);
  }

  describe(document: TextDocument, folders: readonly string[]): OpenDocument {
    return {
      uri: document.uri,
      relativePath: shownPath(document.uri, folders),
      languageId: document.languageId,
      text: document.getText(),
      editedLine: this.#editedLine.get(document.uri),
    };
  }

  /** All but one, the most recently used first. */
  others(uri: string, folders: readonly string[]): OpenDocument[] {
    return [...this.#recent]
      .reverse()
      .filter((other) => other !== uri)
      .map((other) => this.all.get(other))
      .filter((document) => document !== undefined)
      .map((document) => this.describe(document, folders));
  }

  #configuration() {
    return {
      create: TextDocument.create,
      update: (document: TextDocument, changes: TextDocumentContentChangeEvent[], version: number) => {
        const last = changes.at(-1);
        if (last && "range" in last) this.#editedLine.set(document.uri, last.range.start.line);
        this.noteUse(document.uri);
        return TextDocument.update(document, changes, version);
      },
    };
  }
}

/** undefined for documents that are no files. */
export function filePathOf(uri: string): string | undefined {
  if (!uri.startsWith("file:")) return undefined;
  try {
    return fileURLToPath(uri);
  } catch {
    // A file URI of another machine.
    return undefined;
  }
}

function shownPath(uri: string, folders: readonly string[]): string {
  const path = filePathOf(uri);
  if (path === undefined) return uri.slice(uri.lastIndexOf("/") + 1) || "untitled";
  for (const folder of folders) {
    const inside = pathInside(folder, path);
    if (inside !== undefined) return inside;
  }
  return basename(path);
}
