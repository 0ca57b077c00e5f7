// The file of what became of completions: the server writes it, the person opens and deletes it, also while no server runs.
import * as vscode from "vscode";
import { COUNTS_FILE, DELETE_COUNTS_REQUEST, SAVE_COUNTS_REQUEST } from "../protocol/counts.ts";
import type { Context } from "./context.ts";

/** One for all workspaces: what is counted belongs to the person. */
export function countsFolder({ globalStorageUri }: vscode.ExtensionContext): vscode.Uri {
  return vscode.Uri.joinPath(globalStorageUri, "counts");
}

/** With what was counted until now. */
export async function openCounts(context: Context): Promise<void> {
  if (isServed(context)) await context.client.request(SAVE_COUNTS_REQUEST, null);
  const file = fileOf(context);
  if (await isThere(file)) await vscode.window.showTextDocument(file, { preview: false });
  else await vscode.window.showInformationMessage("Nothing is counted yet: no completion was shown.");
}

export async function deleteCounts(context: Context): Promise<void> {
  const choice = await vscode.window.showWarningMessage(
    "Delete all that was counted of completions?",
    { modal: true, detail: "Counting begins anew. The setting stateline.countCompletions switches it off." },
    "Delete",
  );
  if (choice === undefined) return;
  if (isServed(context)) await context.client.request(DELETE_COUNTS_REQUEST, null);
  else if (await isThere(fileOf(context))) await vscode.workspace.fs.delete(fileOf(context));
}

function isServed({ client }: Context): boolean {
  return client.life.kind === "running";
}

function fileOf({ extension }: Context): vscode.Uri {
  return vscode.Uri.joinPath(countsFolder(extension), COUNTS_FILE);
}

async function isThere(file: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(file);
    return true;
  } catch {
    return false;
  }
}
