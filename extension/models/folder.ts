import * as vscode from "vscode";

/** One for all workspaces: a model is the person's. */
export function usualModelsFolder({ globalStorageUri }: vscode.ExtensionContext): string {
  return vscode.Uri.joinPath(globalStorageUri, "models").fsPath;
}
