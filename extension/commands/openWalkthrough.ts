import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";

export const openWalkthrough: CommandFactory =
  ({ extension }) =>
  () =>
    vscode.commands.executeCommand(
      "workbench.action.openWalkthrough",
      `${extension.extension.id}#stateline.start`,
      false,
    );
