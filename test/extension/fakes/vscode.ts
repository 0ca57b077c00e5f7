/** As much of VS Code as the extension's parts ask for, without an editor. Import it before what imports "vscode". */
import { registerHooks } from "node:module";
import type * as vscode from "vscode";

type Listener<Value> = (value: Value) => unknown;

export class EventEmitter<Value> {
  readonly #listeners = new Set<Listener<Value>>();
  readonly event = (listener: Listener<Value>): vscode.Disposable => {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  };
  fire(value: Value): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
  dispose(): void {
    this.#listeners.clear();
  }
}

/** A panel whose page is the test. */
export class Panel {
  readonly posted: unknown[] = [];
  readonly received = new EventEmitter<unknown>();
  readonly disposed = new EventEmitter<void>();
  visible = true;
  revealed = 0;
  readonly webview = {
    html: "",
    options: {},
    postMessage: async (message: unknown) => this.posted.push(message),
    onDidReceiveMessage: this.received.event,
    asWebviewUri: (uri: unknown) => uri,
  };
  readonly onDidChangeViewState = new EventEmitter<void>().event;
  readonly onDidDispose = this.disposed.event;
  reveal(): void {
    this.revealed++;
  }
  dispose(): void {
    this.disposed.fire();
  }
}

/** A list whose person is the test. */
export class QuickPick {
  items: readonly unknown[] = [];
  selectedItems: readonly unknown[] = [];
  busy = false;
  readonly accepted = new EventEmitter<void>();
  readonly pressed = new EventEmitter<{ item: unknown; button: unknown }>();
  readonly onDidAccept = this.accepted.event;
  readonly onDidTriggerItemButton = this.pressed.event;
  readonly onDidHide = new EventEmitter<void>().event;
  show(): void {}
  hide(): void {}
  dispose(): void {}
}

/** What a test sets and reads. */
export const fake = {
  /** The section as the user wrote it. */
  settings: {} as unknown,
  settingsRead: 0,
  configurationChanged: new EventEmitter<{ affectsConfiguration(section: string): boolean }>(),
  language: undefined as string | undefined,
  /** In place of a document that has only a language. */
  editor: undefined as unknown,
  /** What the person writes into an input box. */
  written: undefined as string | undefined,
  panels: [] as Panel[],
  executed: [] as unknown[][],
  errors: [] as string[],
  informed: [] as string[],
  warned: [] as string[],
  quickPicks: [] as QuickPick[],
  /** What a notification with progress says, as it goes on. */
  progress: [] as string[],
  settingsWritten: [] as (readonly [name: string, value: unknown])[],
  /** What the person answers to a warning or a question. */
  choice: undefined as string | undefined,
  files: new Set<string>(),
  shownDocuments: [] as string[],
};

const api = {
  EventEmitter,
  Uri: {
    joinPath: (base: string, ...names: string[]) => [base, ...names].join("/"),
    parse: (address: string) => address,
    file: (path: string) => path,
  },
  ThemeIcon: class {},
  env: { openExternal: async (address: string) => fake.executed.push(["openExternal", address]) },
  ViewColumn: { Active: -1 },
  QuickPickItemKind: { Separator: -1, Default: 0 },
  ConfigurationTarget: { Global: 1, Workspace: 2 },
  ProgressLocation: { Notification: 15 },
  InlineCompletionTriggerKind: { Invoke: 0, Automatic: 1 },
  commands: {
    executeCommand: async (...call: unknown[]) => {
      fake.executed.push(call);
    },
  },
  window: {
    get activeTextEditor() {
      return fake.editor ?? (fake.language && { document: { languageId: fake.language } });
    },
    createWebviewPanel: () => {
      const panel = new Panel();
      fake.panels.push(panel);
      return panel;
    },
    showErrorMessage: async (sentence: string) => {
      fake.errors.push(sentence);
    },
    showInformationMessage: async (sentence: string) => {
      fake.informed.push(sentence);
      return fake.choice;
    },
    showInputBox: async () => fake.written,
    showWarningMessage: async (sentence: string) => {
      fake.warned.push(sentence);
      return fake.choice;
    },
    createQuickPick: () => {
      const pick = new QuickPick();
      fake.quickPicks.push(pick);
      return pick;
    },
    withProgress: (_: unknown, work: (progress: unknown, token: unknown) => unknown) => {
      const report = ({ message }: { message: string }) => fake.progress.push(message);
      return work({ report }, { onCancellationRequested: new EventEmitter<void>().event });
    },
    showTextDocument: async (path: string) => {
      fake.shownDocuments.push(path);
    },
    showQuickPick: async () => undefined,
  },
  workspace: {
    fs: {
      stat: async (path: string) => {
        if (!fake.files.has(path)) throw new Error(`There is no ${path}.`);
      },
      delete: async (path: string) => void fake.files.delete(path),
    },
    getConfiguration: () => ({
      get: () => {
        fake.settingsRead++;
        return fake.settings;
      },
      inspect: () => undefined,
      update: async (...written: [name: string, value: unknown]) => fake.settingsWritten.push(written),
    }),
    onDidChangeConfiguration: fake.configurationChanged.event,
  },
};

const SOURCE = `const api = globalThis.statelineFakeVscode;
${Object.keys(api)
  .map((name) => `export const ${name} = api.${name};`)
  .join("\n")}`;

Object.assign(globalThis, { statelineFakeVscode: api });
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "vscode" ? { url: "fake:vscode", shortCircuit: true } : next(specifier, context),
  load: (url, context, next) =>
    url === "fake:vscode" ? { format: "module", source: SOURCE, shortCircuit: true } : next(url, context),
});
