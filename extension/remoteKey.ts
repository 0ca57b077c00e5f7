// The key of a remote server: in VS Code's secret storage, one for each origin; never in settings, never in the log.
import * as vscode from "vscode";
import type { RemoteKey } from "../protocol/messages.ts";
import type { Context } from "./context.ts";
import { type CurrentSettings, openSetting } from "./settings.ts";

export class RemoteKeys {
  readonly #secrets: vscode.SecretStorage;
  readonly #settings: CurrentSettings;

  constructor(secrets: vscode.SecretStorage, settings: CurrentSettings) {
    this.#secrets = secrets;
    this.#settings = settings;
  }

  /** Of the server that the settings name; undefined: none is named. */
  async now(): Promise<RemoteKey | undefined> {
    const origin = originOf(this.#settings.now.remote);
    if (origin === undefined) return undefined;
    return { origin, key: (await this.#secrets.get(secretOf(origin))) ?? null };
  }

  /** Empty: none any more. */
  async set(origin: string, key: string): Promise<void> {
    if (key === "") await this.#secrets.delete(secretOf(origin));
    else await this.#secrets.store(secretOf(origin), key);
  }
}

export async function setRemoteKey({ client, remoteKeys, settings }: Context): Promise<void> {
  const origin = originOf(settings.now.remote);
  if (origin === undefined) {
    const choice = await vscode.window.showInformationMessage(
      "No server is named yet: the setting stateline.remote is its address.",
      "Open Settings",
    );
    if (choice !== undefined) await openSetting("remote");
    return;
  }
  const key = await vscode.window.showInputBox({
    title: `Key for ${origin}`,
    prompt: "It is kept in VS Code's secret storage and sent to this server alone. Empty deletes it.",
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined) return;
  await remoteKeys.set(origin, key.trim());
  await client.sendRemoteKey();
}

function secretOf(origin: string): string {
  return `stateline.remoteKey ${origin}`;
}

function originOf(address: string): string | undefined {
  return URL.canParse(address.trim()) ? new URL(address.trim()).origin : undefined;
}
