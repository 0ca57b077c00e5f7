/** The documents that the editor has open: their text, and the order of use. */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Connection,
  NotebookDocuments,
  type TextDocumentContentChangeEvent,
  TextDocuments,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { OpenDocument } from "./completion/request.ts";
import type { Edit } from "./counting/follow.ts";
import { cellPath, cellsAround } from "./notebooks.ts";
import { pathInside } from "./repository/filePolicy.ts";
import { realPathSync } from "./repository/realPath.ts";

export class OpenDocuments {
  /** Cells of notebooks too. */
  readonly all = new TextDocuments(this.#configuration());
  readonly #onEdits: (document: TextDocument, edits: readonly Edit[]) => void;
  readonly #notebooks = new NotebookDocuments(this.all);
  /** Paths of those that are files, with links followed as they were when the document was met. */
  readonly #paths = new Map<string, string | undefined>();
  /** The most recently used last. */
  readonly #recent = new Set<string>();

  constructor(onEdits: (document: TextDocument, edits: readonly Edit[]) => void = () => undefined) {
    this.#onEdits = onEdits;
  }

  listen(connection: Connection): void {
    this.all.listen(connection);
    this.#notebooks.listen(connection);
  }

  get(uri: string): TextDocument | undefined {
    return this.all.get(uri);
  }

  noteUse(uri: string): void {
    this.#recent.delete(uri);
    this.#recent.add(uri);
  }

  noteClosed(uri: string): void {
    this.#recent.delete(uri);
    this.#paths.delete(uri);
  }

  /** Of the file that a document is, or whose cell it is; undefined for others. */
  homePathOf(uri: string): string | undefined {
    return this.pathOf(this.#notebooks.findNotebookDocumentForCell(uri)?.uri ?? uri);
  }

  /** undefined for documents that are no files. */
  pathOf(uri: string): string | undefined {
    if (!this.#paths.has(uri)) {
      const path = filePathOf(uri);
      this.#paths.set(uri, path === undefined ? undefined : realPathSync(path));
    }
    return this.#paths.get(uri);
  }

  /** `roots`: paths of the workspace's folders, or URIs of those that are on no disk. */
  describe(document: TextDocument, roots: readonly string[]): OpenDocument {
    const notebook = this.#notebooks.findNotebookDocumentForCell(document.uri);
    const described = this.#describeAlone(document, roots);
    if (!notebook) return described;
    return { ...described, notebook: cellsAround(document, notebook, this.#notebooks) };
  }

  /** All but one and the cells around it, the most recently used first. */
  others(uri: string, roots: readonly string[]): OpenDocument[] {
    const notebook = this.#notebooks.findNotebookDocumentForCell(uri);
    const isAround = (other: string) =>
      notebook !== undefined && this.#notebooks.findNotebookDocumentForCell(other) === notebook;
    return [...this.#recent]
      .reverse()
      .filter((other) => other !== uri && !isAround(other))
      .map((other) => this.all.get(other))
      .filter((document) => document !== undefined)
      .map((document) => this.#describeAlone(document, roots));
  }

  #describeAlone(document: TextDocument, roots: readonly string[]): OpenDocument {
    const { uri, languageId } = document;
    const notebook = this.#notebooks.findNotebookDocumentForCell(uri);
    const shown = notebook?.uri ?? uri;
    const relativePath = shownPath(shown, this.pathOf(shown), roots);
    return {
      uri,
      relativePath: notebook ? cellPath(relativePath, languageId) : relativePath,
      languageId,
      text: document.getText(),
    };
  }

  #configuration() {
    return {
      create: (uri: string, languageId: string, version: number, text: string) => {
        // A client may send anything.
        if (![uri, languageId, text].every((value) => typeof value === "string")) {
          throw new TypeError("A document was opened without its URI, language or text; it is not served.");
        }
        return TextDocument.create(uri, languageId, version, text);
      },
      update: (document: TextDocument, changes: TextDocumentContentChangeEvent[], version: number) => {
        this.noteUse(document.uri);
        const edits: Edit[] = [];
        for (const change of changes) {
          edits.push(editOf(document, change));
          TextDocument.update(document, [change], version);
        }
        this.#onEdits(document, edits);
        return document;
      },
    };
  }
}

function editOf(document: TextDocument, change: TextDocumentContentChangeEvent): Edit {
  const { text } = change;
  if (!("range" in change)) return { offset: 0, removed: document.getText().length, text };
  const [start, end] = [document.offsetAt(change.range.start), document.offsetAt(change.range.end)];
  return { offset: Math.min(start, end), removed: Math.abs(end - start), text };
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

function shownPath(uri: string, path: string | undefined, roots: readonly string[]): string {
  if (path === undefined) return pathInUri(uri, roots);
  for (const root of roots) {
    const inside = pathInside(root, path);
    if (inside !== undefined) return inside;
  }
  return basename(path);
}

/** Of a document that is on no disk: inside of a virtual folder, or its name alone. */
function pathInUri(uri: string, roots: readonly string[]): string {
  const bare = uri.replace(/[?#].*$/s, "");
  const root = roots.find((each) => bare.startsWith(`${each}/`));
  const path = root === undefined ? bare.slice(1 + bare.search(/[/:][^/:]*$/)) : bare.slice(root.length + 1);
  try {
    return decodeURIComponent(path) || "untitled";
  } catch {
    // A lone percent sign.
    return path;
  }
}
