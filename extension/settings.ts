// The only reader and writer of VS Code's settings; what they mean is in protocol/settings.ts.
import * as vscode from "vscode";
import {
  SETTINGS_SECTION,
  type Settings,
  type ValidatedSettings,
  validateSettings,
} from "../protocol/settings.ts";

/** The settings as they are, read when they change: a look at them costs nothing, at each keystroke too. */
export class CurrentSettings implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  /** They are the new ones already. */
  readonly onDidChange = this.#changed.event;
  readonly #listener: vscode.Disposable;
  #validated: ValidatedSettings;

  constructor() {
    this.#validated = validateSettings(rawSettings());
    this.#listener = vscode.workspace.onDidChangeConfiguration((event) => {
      if (!event.affectsConfiguration(SETTINGS_SECTION)) return;
      this.#validated = validateSettings(rawSettings());
      this.#changed.fire();
    });
  }

  get now(): Settings {
    return this.#validated.settings;
  }

  /** One sentence for each setting that is wrong. */
  get problems(): readonly string[] {
    return this.#validated.problems;
  }

  dispose(): void {
    this.#listener.dispose();
    this.#changed.dispose();
  }
}

/** Everything in the section as the user wrote it, for the server, which validates it in the same way; `folder` is a URI. */
export function rawSettings(folder?: string): unknown {
  const scope = folder === undefined ? undefined : vscode.Uri.parse(folder);
  return vscode.workspace.getConfiguration(undefined, scope).get(SETTINGS_SECTION);
}

/** VS Code's own editor of settings, at this one. */
export async function openSetting(name: keyof Settings): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openSettings", `${SETTINGS_SECTION}.${name}`);
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
