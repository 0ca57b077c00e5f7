// A better text that comes after the answer: the editor is made to ask again, while what it shows is as it was.
import * as vscode from "vscode";
import type { VersionedPlace } from "../protocol/messages.ts";

export class LateText {
  /** The editor is asking because of us, not because a key was pressed for it. */
  #asked: VersionedPlace | undefined;

  /** Does nothing where the person went on meanwhile. */
  async ask(place: VersionedPlace): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined || !isAt(place, editor.document, editor.selection)) return;
    this.#asked = place;
    // VS Code has no other way to say that a provider has something better, and keeps what is shown unless it is hidden first.
    await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
    await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
  }

  /** Whether this request, which says that it was asked for by key, is the one that came of `ask`. */
  takes(document: vscode.TextDocument, { line, character }: vscode.Position): boolean {
    const asked = this.#asked;
    this.#asked = undefined;
    return (
      asked !== undefined &&
      isSameText(asked, document) &&
      asked.position.line === line &&
      asked.position.character === character
    );
  }
}

function isAt(place: VersionedPlace, document: vscode.TextDocument, selection: vscode.Selection): boolean {
  const { line, character } = selection.active;
  const { position } = place;
  return (
    isSameText(place, document) &&
    selection.isEmpty &&
    position.line === line &&
    position.character === character
  );
}

function isSameText(
  { textDocument: { uri, version } }: VersionedPlace,
  document: vscode.TextDocument,
): boolean {
  return document.uri.toString() === uri && document.version === version;
}
