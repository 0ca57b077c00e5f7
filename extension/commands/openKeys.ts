import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";

/** Accepting is VS Code's own: Tab, by word, by line; its keyboard editor shows and changes the keys. */
export const openKeys: CommandFactory = () => () =>
  vscode.commands.executeCommand("workbench.action.openGlobalKeybindings", "inlineSuggest.accept");
