import { homedir } from "node:os";
import * as vscode from "vscode";
import type { Export } from "../protocol/dashboard.ts";

const KINDS: Readonly<Record<Export["type"], string>> = {
  svg: "Vector picture",
  png: "Picture",
  csv: "Comma-separated values",
};

/** Asks where; nothing is written when the person thinks better of it. */
export async function exportFile(file: Export): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const target = await vscode.window.showSaveDialog({
    title: "Save from the dashboard",
    defaultUri: vscode.Uri.joinPath(folder, `${file.name}.${file.type}`),
    filters: { [KINDS[file.type]]: [file.type] },
  });
  if (!target) return;
  const content = file.type === "png" ? Buffer.from(file.base64, "base64") : Buffer.from(file.text, "utf8");
  await vscode.workspace.fs.writeFile(target, content);
  const choice = await vscode.window.showInformationMessage(
    `Saved ${vscode.workspace.asRelativePath(target)}.`,
    "Open",
  );
  if (choice === "Open") await vscode.commands.executeCommand("vscode.open", target);
}
