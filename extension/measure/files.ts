// What the dashboard's page saves, and the run that it takes in: the page itself sees no files.
import { homedir } from "node:os";
import * as vscode from "vscode";
import { MOST_RUN_BYTES } from "../../protocol/benchmark.ts";
import type { Export } from "../../protocol/dashboard.ts";

const KINDS: Readonly<Record<Export["type"], string>> = {
  svg: "Vector picture",
  png: "Picture",
  csv: "Comma-separated values",
  json: "Benchmark run",
};

/** Asks where; nothing is written when the person thinks better of it. */
export async function exportFile(file: Export): Promise<void> {
  const target = await vscode.window.showSaveDialog({
    title: "Save from the dashboard",
    defaultUri: vscode.Uri.joinPath(firstFolder(), `${file.name}.${file.type}`),
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

/** The text of a file that may hold a run of the benchmark; undefined when the person chose none. */
export async function chooseRunFile(): Promise<string | undefined> {
  const [chosen] =
    (await vscode.window.showOpenDialog({
      title: "Compare with a benchmark that was saved as JSON",
      openLabel: "Compare",
      defaultUri: firstFolder(),
      filters: { [KINDS.json]: ["json"] },
    })) ?? [];
  if (!chosen) return undefined;
  const { size } = await vscode.workspace.fs.stat(chosen);
  if (size > MOST_RUN_BYTES)
    throw new Error(
      `${vscode.workspace.asRelativePath(chosen)} is too large to be a benchmark; choose another file.`,
    );
  return Buffer.from(await vscode.workspace.fs.readFile(chosen)).toString("utf8");
}

function firstFolder(): vscode.Uri {
  return vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
}
