/** Notebooks: a cell is completed as if the cells of its language were one file. */
import type { NotebookDocument, NotebookDocuments } from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { OpenDocument } from "./completion/request.ts";
import { endingOf } from "./languageIds.ts";

/** What stands around a cell; cells of other languages, and text between them, are left out. */
export function cellsAround(
  cell: TextDocument,
  notebook: NotebookDocument,
  documents: NotebookDocuments<TextDocument>,
): NonNullable<OpenDocument["notebook"]> {
  const at = notebook.cells.findIndex(({ document }) => document === cell.uri);
  const textsOf = (cells: NotebookDocument["cells"]) =>
    cells
      .map((each) => documents.getCellTextDocument(each))
      .filter((document) => document?.languageId === cell.languageId)
      .map((document) => document?.getText().trimEnd() ?? "")
      .filter((text) => text !== "");
  return {
    uri: notebook.uri,
    before: textsOf(notebook.cells.slice(0, Math.max(at, 0)))
      .map((text) => `${text}\n\n`)
      .join(""),
    after: textsOf(notebook.cells.slice(at + 1))
      .map((text) => `\n\n${text}`)
      .join(""),
  };
}

/** Of a file that held the cells alone: the notebook's own format, JSON for one, is not what is written in them. */
export function cellPath(notebookPath: string, languageId: string): string {
  return `${notebookPath.replace(/\.[^./]*$/, "")}.${endingOf(languageId)}`;
}
