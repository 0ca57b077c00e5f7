/** A bare LSP client over standard input and output: no editor, no client library. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import type { CompletionFigures, Status, VersionedPlace } from "../../protocol/messages.ts";

const LONGEST_SILENCE_MS = 60_000;
const SERVER = join(import.meta.dirname, "../../server/main.ts");
/** As the package has it. */
export const BUNDLED_SERVER = join(import.meta.dirname, "../../dist/server.cjs");

export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Change {
  readonly range?: { readonly start: Position; readonly end: Position };
  readonly text: string;
}

export interface Item {
  readonly insertText: string;
  readonly filterText: string;
  readonly range: { readonly start: Position; readonly end: Position };
  readonly command: { readonly command: string; readonly arguments: readonly unknown[] };
}

export interface ClientOptions {
  readonly folders: readonly string[];
  readonly storagePath: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** By default the sources. */
  readonly server?: string;
  readonly folderSettings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Says that the change of each key is sent by itself. */
  readonly sendsEachKey?: boolean;
  /** Wants to hear of better texts that come after an answer. */
  readonly takesLateTexts?: boolean;
  /** Answers workspace/configuration with the settings, as an editor does. */
  readonly answersConfiguration?: boolean;
}

export class Client {
  readonly connection: MessageConnection;
  readonly process: ChildProcessWithoutNullStreams;
  readonly statuses: Status[] = [];
  /** Lines of window/logMessage and window/showMessage. */
  readonly log: string[] = [];
  readonly shown: string[] = [];
  readonly progress: string[] = [];
  /** Values sent for a token that a request named. */
  readonly values: { readonly token: string | number; readonly value: unknown }[] = [];
  readonly betterTexts: VersionedPlace[] = [];
  /** The answer to workspace/workspaceFolders. */
  folders: readonly string[];
  /** By a folder's URI, over those of all. */
  readonly folderSettings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly #waiting = new Set<() => void>();
  readonly #versions = new Map<string, number>();
  #settings: Readonly<Record<string, unknown>>;

  private constructor(options: ClientOptions) {
    this.#settings = options.settings ?? {};
    this.folders = options.folders;
    this.folderSettings = options.folderSettings ?? {};
    this.process = spawn(process.execPath, [options.server ?? SERVER, "--stdio"], { stdio: "pipe" });
    const reader = new StreamMessageReader(this.process.stdout);
    this.connection = createMessageConnection(reader, new StreamMessageWriter(this.process.stdin));
    this.#listen();
  }

  static async start(options: ClientOptions): Promise<Client> {
    const client = new Client(options);
    const { folders, storagePath, sendsEachKey = false, takesLateTexts = false } = options;
    const { answersConfiguration = true } = options;
    await client.connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: null,
      workspaceFolders: folders.map(workspaceFolder),
      capabilities: {
        workspace: { configuration: answersConfiguration, workspaceFolders: true },
        window: { workDoneProgress: true },
        textDocument: { inlineCompletion: {} },
      },
      initializationOptions: { storagePath, sendsEachKey, takesLateTexts, settings: options.settings },
    });
    await client.connection.sendNotification("initialized", {});
    return client;
  }

  static async startReady(options: ClientOptions): Promise<Client> {
    const client = await Client.start(options);
    await client.until(() => client.status?.state === "ready");
    return client;
  }

  get status(): Status | undefined {
    return this.statuses.at(-1);
  }

  /** Resolves when a message of the server makes it true; rejects when the server ends or says nothing for long. */
  async until(isTrue: () => boolean): Promise<void> {
    let silent = false;
    while (!isTrue()) {
      const gone = this.process.exitCode !== null || this.process.signalCode !== null;
      if (gone || silent) {
        const log = [JSON.stringify(this.status), ...this.log.slice(-10)].join("\n");
        throw new Error(`${gone ? "The server ended" : "What was awaited did not happen"}:\n${log}`);
      }
      silent = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), LONGEST_SILENCE_MS);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve(false);
        });
      });
    }
  }

  async requestStatus(): Promise<Status> {
    return await this.connection.sendRequest("stateline/status");
  }

  async figures(): Promise<CompletionFigures> {
    return await this.connection.sendRequest("stateline/lastCompletion");
  }

  /** Resolves when the server has taken them up, which it says by a status. */
  async setSettings(settings: Readonly<Record<string, unknown>>): Promise<void> {
    this.#settings = settings;
    const count = this.statuses.length;
    await this.connection.sendNotification("workspace/didChangeConfiguration", {
      settings: { stateline: settings },
    });
    await this.until(() => this.statuses.length > count);
  }

  async open(uri: string, text: string, languageId = "typescript"): Promise<void> {
    this.#versions.set(uri, 1);
    await this.connection.sendNotification("textDocument/didOpen", {
      textDocument: { uri, languageId, version: 1, text },
    });
  }

  async close(uri: string): Promise<void> {
    await this.connection.sendNotification("textDocument/didClose", { textDocument: { uri } });
  }

  async change(uri: string, ...contentChanges: Change[]): Promise<void> {
    const version = (this.#versions.get(uri) ?? 0) + 1;
    this.#versions.set(uri, version);
    await this.connection.sendNotification("textDocument/didChange", {
      textDocument: { uri, version },
      contentChanges,
    });
  }

  /** Puts text in at a place. */
  async type(uri: string, at: Position, text: string): Promise<void> {
    await this.change(uri, { range: { start: at, end: at }, text });
  }

  async complete(
    uri: string,
    position: Position,
    options: { readonly manual?: boolean } = {},
  ): Promise<Item[] | null> {
    return await this.connection.sendRequest("textDocument/inlineCompletion", {
      textDocument: { uri },
      position,
      context: { triggerKind: options.manual ? INVOKED : AUTOMATIC },
    });
  }

  /** Bytes that no well-behaved client would send. */
  sendRaw(bytes: string): void {
    this.process.stdin.write(bytes);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, "exit");
    await this.connection.sendRequest("shutdown");
    await this.connection.sendNotification("exit");
    await exited;
    this.connection.dispose();
  }

  async kill(): Promise<void> {
    const exited = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await exited;
    this.connection.dispose();
  }

  #listen(): void {
    const { connection } = this;
    connection.onNotification("stateline/statusChanged", (status: Status) =>
      this.#note(this.statuses, status),
    );
    connection.onNotification("stateline/betterText", (place: VersionedPlace) =>
      this.#note(this.betterTexts, place),
    );
    connection.onNotification("window/logMessage", ({ message }: { message: string }) =>
      this.#note(this.log, message),
    );
    connection.onNotification("window/showMessage", ({ message }: { message: string }) =>
      this.#note(this.shown, message),
    );
    connection.onNotification(
      "$/progress",
      ({ token, value }: { token: string; value: { kind: string } }) => {
        this.values.push({ token, value });
        this.#note(this.progress, value.kind);
      },
    );
    connection.onRequest("window/workDoneProgress/create", () => null);
    connection.onRequest("client/registerCapability", () => null);
    connection.onRequest("workspace/workspaceFolders", () => this.folders.map(workspaceFolder));
    connection.onRequest("workspace/configuration", ({ items }: { items: { scopeUri?: string }[] }) =>
      items.map(({ scopeUri }) => ({ ...this.#settings, ...this.folderSettings[scopeUri ?? ""] })),
    );
    connection.onError(() => undefined);
    connection.listen();
    this.process.stderr.on("data", (chunk) => this.#note(this.log, `stderr: ${chunk}`));
    this.process.on("exit", () => this.#wake());
    // A test may write to a server that is ending.
    this.process.stdin.on("error", () => undefined);
  }

  #note<Entry>(entries: Entry[], entry: Entry): void {
    entries.push(entry);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** InlineCompletionTriggerKind of LSP 3.18. */
const INVOKED = 1;
const AUTOMATIC = 2;

/** A path, or the URI of a folder that is on no disk. */
function workspaceFolder(folder: string) {
  return { uri: folder.includes("://") ? folder : pathToFileURL(folder).href, name: basename(folder) };
}

export function endOf(text: string): Position {
  const lines = text.split("\n");
  return { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
}
