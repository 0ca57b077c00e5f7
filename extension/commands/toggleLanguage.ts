import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";
import { completesLanguage, withLanguage, withoutLanguage } from "../languages.ts";
import { readSettings, writeSetting } from "../settings.ts";

export const toggleLanguage: CommandFactory = () => async () => {
  const id = vscode.window.activeTextEditor?.document.languageId;
  if (id === undefined) {
    await vscode.window.showInformationMessage(
      "Open a file first: its language is the one switched on or off.",
    );
    return;
  }
  const { languages } = readSettings().settings;
  const change = completesLanguage(languages, id) ? withoutLanguage : withLanguage;
  await writeSetting("languages", change(languages, id));
};
