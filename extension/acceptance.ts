// Hears in the document's own changes what of the ghost text was taken by word or by line: no stable interface tells it.
import * as vscode from "vscode";
import type { Meter } from "./meter.ts";
import type { Offer } from "./offer.ts";

export function followAcceptance(meter: Meter): vscode.Disposable {
  return vscode.workspace.onDidChangeTextDocument(({ document, contentChanges, reason }) => {
    const [change, ...others] = contentChanges;
    if (change === undefined || !meter.isFollowing(document.uri.toString())) return;
    const isInsertion = others.length === 0 && reason === undefined && change.range.isEmpty;
    meter.inserted(isInsertion ? { at: change.range.start, text: change.text } : undefined);
  });
}

/** The first of what a provider answered: the one that the editor shows. */
export function offerOf(
  document: vscode.TextDocument,
  cursor: vscode.Position,
  { insertText, range }: vscode.InlineCompletionItem,
): Offer {
  const start = range?.start ?? cursor;
  const text = typeof insertText === "string" ? insertText : insertText.value;
  const head = document.lineAt(start.line).text.slice(0, start.character);
  const written = document.getText(new vscode.Range(start, cursor));
  const rest = text.startsWith(written) ? text.slice(written.length) : text;
  return { uri: document.uri.toString(), line: start.line, text: head + text, rest, cursor };
}
