import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";

/** The charts fill while it runs; at the end the page with the tables is offered. */
export const benchmark: CommandFactory =
  ({ dashboard, measurements }) =>
  async () => {
    dashboard.show();
    const answer = await measurements.benchmark();
    if (answer === undefined) return;
    await dashboard.tellRuns();
    if (answer.pagePath === undefined) return;
    const sentence = `State against attention: measured in ${answer.run.seconds} s and saved.`;
    const choice = await vscode.window.showInformationMessage(sentence, "Open Report");
    if (choice !== undefined)
      await vscode.commands.executeCommand("markdown.showPreview", vscode.Uri.file(answer.pagePath));
  };
