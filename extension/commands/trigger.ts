import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";

export const trigger: CommandFactory = () => () =>
  vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
