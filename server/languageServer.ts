/** Stateline as a language server: LSP messages on one side, Stateline's own calls on the other. */
import { pathToFileURL } from "node:url";
import {
  type CancellationToken,
  type Connection,
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  type ExecuteCommandParams,
  type InitializeParams,
  type InitializeResult,
  type InlineCompletionItem,
  type InlineCompletionParams,
  InlineCompletionTriggerKind,
  MessageType,
  ShowMessageNotification,
  TextDocumentSyncKind,
} from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";
import {
  ACCEPTED_COMMAND,
  type Accepted,
  BETTER_TEXT_NOTIFICATION,
  CURSOR_RESTS_NOTIFICATION,
  type EditorFacts,
  type InitializationOptions,
  LAST_COMPLETION_REQUEST,
  type Place,
  REMOTE_KEY_NOTIFICATION,
  REREAD_REQUEST,
  STATUS_CHANGED_NOTIFICATION,
  STATUS_REQUEST,
  WHAT_WAS_READ_REQUEST,
} from "../protocol/messages.ts";
import { SETTINGS_SECTION, type Settings, validateSettings } from "../protocol/settings.ts";
import { type ClientFacts, factsOf, foldersOf, NO_CLIENT, pathsOf } from "./clientFacts.ts";
import type { CompletionAnswer, CompletionRequest } from "./completion/request.ts";
import { Counting } from "./counting/counting.ts";
import { filePathOf, OpenDocuments } from "./documents.ts";
import { packageVersion } from "./installation.ts";
import { type Log, reasonOf } from "./log.ts";
import { Measuring } from "./measuring.ts";
import { ReadingProgress } from "./readingProgress.ts";
import { keysOfEnvironment, noteKey } from "./remote.ts";
import type { PolicyFolder } from "./repository/filePolicy.ts";
import type { LiveDocument } from "./repository/liveTexts.ts";
import { underRealRoot } from "./repository/realPath.ts";
import { Stateline } from "./stateline.ts";
import { LOADING } from "./status.ts";
import { notify, onNotification, onRequest } from "./typedMessages.ts";

/** Between two status notifications. */
const STATUS_INTERVAL_MS = 250;

export class LanguageServer {
  readonly #connection: Connection;
  readonly #documents = new OpenDocuments(({ uri, languageId }, edits) =>
    this.#counting?.changed(uri, languageId, edits),
  );
  readonly #log: Log;
  readonly #progress: ReadingProgress;
  #client: ClientFacts = NO_CLIENT;
  /** Paths of the workspace's folders as the client names them, and where they lead when links are followed. */
  #folders: ReadonlyMap<string, string> = new Map();
  /** Where they lead, and URIs of the folders that are on no disk. */
  #roots: readonly string[] = [];
  /** What the client sent last, for clients that are not asked. */
  #pushedSettings: unknown;
  readonly #toldProblems = new Set<string>();
  readonly #remoteKeys = keysOfEnvironment();
  readonly #measuring: Measuring;
  #counting: Counting | undefined;
  #stateline: Stateline | undefined;
  #statusTimer: NodeJS.Timeout | undefined;

  constructor(connection: Connection, log: Log) {
    this.#connection = connection;
    this.#log = log;
    this.#progress = new ReadingProgress(connection);
    this.#measuring = new Measuring({
      connection,
      log,
      stateline: () => this.#stateline,
      storagePath: () => this.#client.storagePath,
      onMeasured: () => this.#statusChanged(),
    });
  }

  listen(): void {
    const connection = this.#connection;
    connection.onInitialize((params) => this.#initialize(params));
    connection.onInitialized(() => this.#initialized());
    connection.onShutdown(() => this.shutDown());
    connection.onDidChangeConfiguration(({ settings }) => this.#configurationChanged(settings));
    connection.onDidChangeWatchedFiles(({ changes }) => {
      for (const { uri } of changes) this.#noteFile(uri);
    });
    connection.onExecuteCommand((params) => this.#execute(params));
    connection.languages.inlineCompletion.on((params, token) => this.#complete(params, token));
    onNotification(connection, CURSOR_RESTS_NOTIFICATION, (place) => this.#readAhead(place));
    onNotification(connection, REMOTE_KEY_NOTIFICATION, (key) => {
      noteKey(this.#remoteKeys, key);
      this.#stateline?.keysChanged();
    });
    onRequest(connection, STATUS_REQUEST, () => this.#stateline?.status ?? LOADING);
    onRequest(connection, LAST_COMPLETION_REQUEST, () => this.#stateline?.lastCompletion ?? null);
    onRequest(connection, REREAD_REQUEST, () => {
      void this.#stateline?.reread();
      return null;
    });
    onRequest(connection, WHAT_WAS_READ_REQUEST, async () => (await this.#stateline?.whatWasRead()) ?? null);
    this.#measuring.listen();
    const { all } = this.#documents;
    all.onDidOpen(({ document }) => this.#documents.noteUse(document.uri));
    all.onDidSave(({ document }) => this.#noteFile(document.uri));
    all.onDidChangeContent(({ document }) => this.#stateline?.noteDocument(this.#liveDocument(document)));
    all.onDidClose(({ document }) => {
      this.#documents.noteClosed(document.uri);
      this.#counting?.closed(document.uri);
      this.#stateline?.noteClosed(document.uri);
    });
    this.#documents.listen(connection);
    connection.listen();
  }

  /** Saves what is worth saving. */
  async shutDown(): Promise<void> {
    clearTimeout(this.#statusTimer);
    this.#measuring.dispose();
    await Promise.all([this.#counting?.shutDown(), this.#stateline?.flush()]);
    this.#stateline?.dispose();
    this.#stateline = undefined;
  }

  #initialize(params: InitializeParams): InitializeResult {
    const options = (params.initializationOptions ?? {}) as InitializationOptions;
    this.#client = factsOf(params, options);
    const { countsPath: folder, sendsEachKey: isEachKeyApart } = this.#client;
    this.#counting = new Counting({ connection: this.#connection, log: this.#log, folder, isEachKeyApart });
    this.#pushedSettings = options.settings;
    this.#takeFolders(foldersOf(params));
    return {
      serverInfo: { name: "Stateline", version: packageVersion() },
      capabilities: {
        textDocumentSync: {
          openClose: true,
          change: TextDocumentSyncKind.Incremental,
          save: { includeText: false },
        },
        notebookDocumentSync: { notebookSelector: [{ notebook: "*" }] },
        inlineCompletionProvider: true,
        executeCommandProvider: { commands: [ACCEPTED_COMMAND] },
        workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
      },
    };
  }

  async #initialized(): Promise<void> {
    await this.#register();
    const { settings, folders } = await this.#readSettings();
    this.#counting?.switch(settings.countCompletions);
    this.#stateline = new Stateline({
      ...{ settings, folders },
      storagePath: this.#client.storagePath,
      modelsPath: this.#client.modelsPath,
      packedPath: this.#client.packedPath,
      log: this.#log,
      onStatusChanged: () => this.#statusChanged(),
      openDocuments: () => this.#documents.all.all().map((document) => this.#liveDocument(document)),
      onProblem: (sentence) => this.#tell(MessageType.Warning, sentence),
      onReading: (tokensPerSecond) => this.#measuring.session.noteReading(tokensPerSecond),
      onBetter: (request) => this.#tellBetter(request),
      remoteKeys: this.#remoteKeys,
      onCompletion: (figures) => this.#measuring.session.noteCompletion(figures),
      onRatioSwitched: (change) => void this.#measuring.ratioSwitched(change),
    });
    this.#sendStatus();
    await this.#stateline.start();
  }

  async #register(): Promise<void> {
    const { client, workspace } = this.#connection;
    const { registersConfiguration, registersWatchers, hasFolders } = this.#client;
    try {
      if (registersConfiguration) {
        await client.register(DidChangeConfigurationNotification.type, { section: SETTINGS_SECTION });
      }
      if (registersWatchers) {
        await client.register(DidChangeWatchedFilesNotification.type, {
          watchers: [{ globPattern: "**/*" }],
        });
      }
      if (hasFolders) workspace.onDidChangeWorkspaceFolders(() => void this.#foldersChanged());
    } catch (cause) {
      this.#log.warn(`The client refused a registration: ${reasonOf(cause)}`);
    }
  }

  async #foldersChanged(): Promise<void> {
    const folders = await this.#connection.workspace.getWorkspaceFolders();
    this.#takeFolders((folders ?? []).map(({ uri }) => uri));
    await this.#configure();
  }

  #takeFolders(uris: readonly string[]): void {
    this.#folders = pathsOf(uris);
    this.#roots = uris.map((uri) => this.#folders.get(filePathOf(uri) ?? "") ?? uri);
  }

  async #configurationChanged(pushed: unknown): Promise<void> {
    if (typeof pushed === "object" && pushed !== null) {
      this.#pushedSettings = SETTINGS_SECTION in pushed ? pushed[SETTINGS_SECTION] : pushed;
    }
    await this.#configure();
    this.#statusChanged();
  }

  async #configure(): Promise<void> {
    const { settings, folders } = await this.#readSettings();
    this.#counting?.switch(settings.countCompletions);
    await this.#stateline?.configure(settings, folders);
  }

  async #readSettings(): Promise<{ settings: Settings; folders: PolicyFolder[] }> {
    const given = [...this.#folders.keys()];
    const [raw, ...ofFolders] = this.#client.answersConfiguration
      ? await this.#pullSettings(given)
      : [this.#pushedSettings];
    const settings = this.#validated(raw);
    const excludes = new Map<string, readonly string[]>();
    for (const [i, path] of [...this.#folders.values()].entries()) {
      const { exclude } = ofFolders[i] ? this.#validated(ofFolders[i]) : settings;
      // A folder that was opened twice, once through a link, is one.
      excludes.set(path, [...new Set([...(excludes.get(path) ?? []), ...exclude])]);
    }
    return { settings, folders: [...excludes].map(([path, exclude]) => ({ path, exclude })) };
  }

  #validated(raw: unknown): Settings {
    const { settings, problems } = validateSettings(raw);
    for (const problem of problems) this.#tell(MessageType.Warning, problem);
    return settings;
  }

  /** Those of the window, then those of each folder. */
  async #pullSettings(folders: readonly string[]): Promise<unknown[]> {
    const section = SETTINGS_SECTION;
    const ofFolders = folders.map((path) => ({ section, scopeUri: pathToFileURL(path).href }));
    try {
      return await this.#connection.workspace.getConfiguration([{ section }, ...ofFolders]);
    } catch (cause) {
      this.#log.warn(`The client did not tell its settings: ${reasonOf(cause)}`);
      return [this.#pushedSettings];
    }
  }

  async #complete(
    params: InlineCompletionParams,
    token: CancellationToken,
  ): Promise<InlineCompletionItem[] | null> {
    const document = this.#documents.get(params.textDocument.uri);
    if (!document || !this.#stateline) return null;
    this.#documents.noteUse(document.uri);
    const arrivedMs = performance.now();
    const controller = new AbortController();
    const subscription = token.onCancellationRequested(() => controller.abort());
    try {
      const request = this.#requestOf(params, document);
      const { uri, languageId, text } = request.document;
      this.#counting?.cursorAt(uri, request.offset);
      const answers = await this.#stateline.complete(request, controller.signal);
      // Positions are of the text that was asked about: a change since then makes the answer worthless.
      const changed = this.#documents.get(uri)?.getText() !== text;
      if (changed || answers.length === 0) return null;
      const place = { uri, languageId, text, cursor: request.offset };
      if (!controller.signal.aborted) this.#counting?.shown(place, answers, performance.now() - arrivedMs);
      return answers.map((answer) => itemOf(answer, document));
    } finally {
      subscription.dispose();
    }
  }

  /** While the document is as it was asked about. */
  #tellBetter({ document: { uri, text }, offset }: CompletionRequest): void {
    const document = this.#documents.get(uri);
    if (!this.#client.takesLateTexts || document?.getText() !== text) return;
    const textDocument = { uri, version: document.version };
    notify(this.#connection, BETTER_TEXT_NOTIFICATION, {
      textDocument,
      position: document.positionAt(offset),
    });
  }

  async #readAhead(params: Place): Promise<void> {
    try {
      const document = this.#documents.get(params.textDocument.uri);
      if (!document) return;
      const request = this.#requestOf(params, document);
      this.#counting?.cursorAt(document.uri, request.offset);
      await this.#stateline?.readAhead(request);
    } catch (cause) {
      // The next completion meets the same, and says so.
      this.#log.debug(`Reading ahead: ${reasonOf(cause)}`);
    }
  }

  #requestOf(
    { position, context, tabSize }: Place & Partial<InlineCompletionParams> & EditorFacts,
    document: TextDocument,
  ): CompletionRequest {
    const selected = context?.selectedCompletionInfo;
    return {
      document: this.#documents.describe(document, this.#roots),
      offset: document.offsetAt(position),
      manual: context?.triggerKind === InlineCompletionTriggerKind.Invoked,
      others: this.#documents.others(document.uri, this.#roots),
      ...(isTabSize(tabSize) && { tabSize }),
      ...(selected && {
        selected: {
          text: selected.text,
          startOffset: document.offsetAt(selected.range.start),
          endOffset: document.offsetAt(selected.range.end),
        },
      }),
    };
  }

  #liveDocument(document: TextDocument): LiveDocument {
    const { uri } = document;
    return {
      ...this.#documents.describe(document, this.#roots),
      path: this.#documents.pathOf(uri),
      homePath: this.#documents.homePathOf(uri),
    };
  }

  /** Each sentence once in the server's life. A plain notification: nothing waits for the person to close it. */
  #tell(type: MessageType, message: string): void {
    if (this.#toldProblems.has(message)) return;
    this.#toldProblems.add(message);
    void this.#connection.sendNotification(ShowMessageNotification.type, { type, message });
  }

  #execute({ command, arguments: [accepted] = [] }: ExecuteCommandParams): null {
    if (command !== ACCEPTED_COMMAND) return null;
    this.#counting?.accepted(Number(accepted?.id), Number(accepted?.alternative));
    this.#log.info(
      `Accepted: completion ${Number(accepted?.id)}, alternative ${Number(accepted?.alternative)}, ${Number(accepted?.characters)} characters.`,
    );
    return null;
  }

  #noteFile(uri: string): void {
    const path = filePathOf(uri);
    if (path) this.#stateline?.noteChange(underRealRoot(path, this.#folders));
  }

  #statusChanged(): void {
    this.#statusTimer ??= setTimeout(() => this.#sendStatus(), STATUS_INTERVAL_MS);
  }

  #sendStatus(): void {
    this.#statusTimer = undefined;
    const status = this.#stateline?.status;
    if (!status) return;
    notify(this.#connection, STATUS_CHANGED_NOTIFICATION, status);
    if (this.#client.showsProgress) this.#progress.follow(status);
    if (status.state === "error" && status.message) {
      this.#tell(MessageType.Error, status.message);
    }
  }
}

function isTabSize(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 100;
}

function itemOf(answer: CompletionAnswer, document: TextDocument): InlineCompletionItem {
  const { id, alternative, insertText, replaceStart, replaceEnd } = answer;
  const accepted: Accepted = { id, alternative, characters: insertText.length };
  return {
    insertText,
    filterText: insertText,
    range: { start: document.positionAt(replaceStart), end: document.positionAt(replaceEnd) },
    command: { title: "Accepted", command: ACCEPTED_COMMAND, arguments: [accepted] },
  };
}
