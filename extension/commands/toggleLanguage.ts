import * as vscode from "vscode";
import { isLanguageEnabled, withLanguage, withoutLanguage } from "../../protocol/languages.ts";
import type { CommandFactory } from "../context.ts";
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
  const change = isLanguageEnabled(languages, id) ? withoutLanguage : withLanguage;
  await writeSetting("languages", change(languages, id));
};
