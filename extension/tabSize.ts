// How wide a tab is drawn in the editor of a document: the protocol has no place for it, so it travels with the request.
import * as vscode from "vscode";
import { type InlineCompletionParams, InlineCompletionRequest } from "vscode-languageclient/node";
import type { EditorFacts } from "../protocol/messages.ts";

/** The parameters of any request; those of an inline completion get the tab size where an editor shows the document. */
export function withTabSize<Params>(method: string, params: Params): Params {
  if (method !== InlineCompletionRequest.method) return params;
  const { textDocument } = params as InlineCompletionParams;
  const editor = vscode.window.visibleTextEditors.find(
    ({ document }) => document.uri.toString() === textDocument.uri,
  );
  const tabSize = editor?.options.tabSize;
  return typeof tabSize === "number" ? { ...params, ...({ tabSize } satisfies EditorFacts) } : params;
}
