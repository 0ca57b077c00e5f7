import * as vscode from "vscode";
import { isLanguageEnabled } from "../protocol/languages.ts";
import { CURSOR_RESTS_NOTIFICATION } from "../protocol/messages.ts";
import type { Client } from "./client.ts";
import type { CurrentSettings } from "./settings.ts";
import type { Snooze } from "./snooze.ts";

/** Longer than between two keystrokes, shorter than from a click to the first one. */
const REST_MS = 150;

/** Tells the server where the cursor has come to rest, so that it reads ahead of the first keystroke there. */
export class RestingCursor implements vscode.Disposable {
  readonly #client: Client;
  readonly #snooze: Snooze;
  readonly #settings: CurrentSettings;
  readonly #listeners: vscode.Disposable;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: Client, snooze: Snooze, settings: CurrentSettings) {
    this.#client = client;
    this.#snooze = snooze;
    this.#settings = settings;
    this.#listeners = vscode.Disposable.from(
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.#moved(textEditor)),
      vscode.window.onDidChangeActiveTextEditor((editor) => editor && this.#moved(editor)),
    );
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#listeners.dispose();
  }

  #moved(editor: vscode.TextEditor): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rests(editor), REST_MS);
  }

  #rests({ document, selections }: vscode.TextEditor): void {
    const [cursor] = selections;
    if (cursor === undefined || selections.length > 1 || !cursor.isEmpty) return;
    if (this.#snooze.untilMs !== undefined) return;
    if (!isLanguageEnabled(this.#settings.now.languages, document.languageId)) return;
    const { line, character } = cursor.active;
    const textDocument = { uri: document.uri.toString() };
    this.#client.notify(CURSOR_RESTS_NOTIFICATION, { textDocument, position: { line, character } });
  }
}
