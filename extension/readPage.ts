import * as vscode from "vscode";
import { WHAT_WAS_READ_REQUEST } from "../protocol/messages.ts";
import type { Client } from "./client.ts";

/** A document of its own scheme: nobody is asked to save it, and the server does not read it. */
const PAGE = vscode.Uri.from({ scheme: "stateline", path: "/What Was Read.md" });

/** What was read, what was left out and why, as the server tells when it is asked. */
export class ReadPage implements vscode.Disposable {
  readonly #client: Client;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #provider: vscode.Disposable;
  #text = "";

  constructor(client: Client) {
    this.#client = client;
    this.#provider = vscode.workspace.registerTextDocumentContentProvider(PAGE.scheme, {
      onDidChange: this.#changed.event,
      provideTextDocumentContent: () => this.#text,
    });
  }

  async show(): Promise<void> {
    const text = await this.#client.request(WHAT_WAS_READ_REQUEST, null);
    if (text === null) {
      await vscode.window.showInformationMessage(
        "Stateline's model is still loading; ask again in a moment.",
      );
      return;
    }
    this.#text = text;
    this.#changed.fire(PAGE);
    await vscode.window.showTextDocument(PAGE, { preview: false });
  }

  dispose(): void {
    this.#provider.dispose();
    this.#changed.dispose();
  }
}
