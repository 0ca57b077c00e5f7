import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";

export const openSettings: CommandFactory =
  ({ extension }) =>
  () =>
    vscode.commands.executeCommand("workbench.action.openSettings", `@ext:${extension.extension.id}`);
