// The only reader and writer of VS Code's settings; what they mean is in protocol/settings.ts.
import * as vscode from "vscode";
import {
  SETTINGS_SECTION,
  type Settings,
  type ValidatedSettings,
  validateSettings,
} from "../protocol/settings.ts";

/** Everything in the section as the user wrote it, for the server, which validates it in the same way. */
export function rawSettings(): unknown {
  return vscode.workspace.getConfiguration().get(SETTINGS_SECTION);
}

export function readSettings(): ValidatedSettings {
  return validateSettings(rawSettings());
}

export function onSettingsChange(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(SETTINGS_SECTION)) listener();
  });
}

/** Writes where the setting already stands: in the workspace if it is set there, else for the user. */
export async function writeSetting<Name extends keyof Settings>(
  name: Name,
  value: Settings[Name],
): Promise<void> {
  const section = vscode.workspace.getConfiguration(SETTINGS_SECTION);
  const inWorkspace = section.inspect(name)?.workspaceValue !== undefined;
  const target = inWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await section.update(name, value, target);
}
