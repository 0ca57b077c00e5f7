/** The real server, as an editor runs it: a process that is spoken to over LSP. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  type CompletionFigures,
  CURSOR_RESTS_NOTIFICATION,
  LAST_COMPLETION_REQUEST,
  STATUS_CHANGED_NOTIFICATION,
  type Status,
} from "../../../protocol/messages.ts";
import { SERVER_FLAGS } from "../../../protocol/serverFlags.ts";
import type { Answerer, Asked, TextChange, TypedDocument, Usage } from "./answerer.ts";
import { usageOf } from "./process.ts";

/** FileChangeType of LSP. */
const FILE_CHANGED = 2;
const INLINE_COMPLETION = "textDocument/inlineCompletion";
/** InlineCompletionTriggerKind of LSP 3.18. */
const AUTOMATIC = 2;

export interface ServerOptions {
  /** server.cjs, beside the rest of its package. */
  readonly path: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

interface Item {
  readonly insertText: string;
  readonly range: { readonly start: Position; readonly end: Position };
}

interface Position {
  readonly line: number;
  readonly character: number;
}

export class RunningServer implements Answerer {
  readonly #process: ChildProcess;
  readonly #connection: MessageConnection;
  readonly #folder: string;
  readonly #documents = new Map<string, TextDocument>();
  readonly #onClosed: () => void;
  #begun: Usage = { cpuSeconds: undefined, residentBytes: undefined };

  private constructor(options: ServerOptions, folder: string, onClosed: () => void) {
    this.#folder = folder;
    this.#onClosed = onClosed;
    const server = spawn(process.execPath, [...SERVER_FLAGS, options.path, "--stdio"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#process = server;
    // What is written to a server that has just ended is missed by nobody: the next question fails.
    server.stdin.on("error", () => undefined);
    this.#connection = createMessageConnection(
      new StreamMessageReader(server.stdout),
      new StreamMessageWriter(server.stdin),
    );
    server.once("exit", () => this.#connection.dispose());
  }

  /** Resolves when the repository is read. */
  static async begin(
    options: ServerOptions,
    folder: string,
    storagePath: string,
    onClosed: () => void = () => undefined,
  ): Promise<RunningServer> {
    const { server, read } = await RunningServer.start(options, folder, storagePath, onClosed);
    await read;
    server.#begun = usageOf(server.#process.pid);
    return server;
  }

  /** Resolves when the server speaks; it reads the repository meanwhile. */
  static async start(
    options: ServerOptions,
    folder: string,
    storagePath: string,
    onClosed: () => void = () => undefined,
  ): Promise<{ server: RunningServer; read: Promise<void> }> {
    const server = new RunningServer(options, folder, onClosed);
    const read = server.#listen(options.settings);
    // Whoever does not wait for it hears of an end by the next question.
    read.catch(() => undefined);
    await server.#connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: null,
      workspaceFolders: [workspaceFolder(folder)],
      capabilities: {
        workspace: { configuration: true, workspaceFolders: true },
        textDocument: { inlineCompletion: {} },
      },
      initializationOptions: { storagePath, settings: options.settings },
    });
    await server.#connection.sendNotification("initialized", {});
    return { server, read };
  }

  async open(document: TypedDocument): Promise<void> {
    const { path, languageId, text } = document;
    const uri = this.#uriOf(path);
    this.#documents.set(path, TextDocument.create(uri, languageId, 1, text));
    await this.#connection.sendNotification("textDocument/didOpen", {
      textDocument: { uri, languageId, version: 1, text },
    });
  }

  async change({ path }: TypedDocument, { start, end, text }: TextChange): Promise<void> {
    const document = this.#documentAt(path);
    const range = { start: document.positionAt(start), end: document.positionAt(end) };
    const version = document.version + 1;
    TextDocument.update(document, [{ range, text }], version);
    await this.#connection.sendNotification("textDocument/didChange", {
      textDocument: { uri: document.uri, version },
      contentChanges: [{ range, text }],
    });
  }

  async ask({ path }: TypedDocument, cursor: number, signal?: AbortSignal): Promise<Asked | undefined> {
    const document = this.#documentAt(path);
    const askedMs = performance.now();
    const place = { textDocument: { uri: document.uri }, position: document.positionAt(cursor) };
    const items = await this.#complete(place, signal);
    if (signal?.aborted) return undefined;
    const ms = performance.now() - askedMs;
    const figures = await this.figures();
    const [first] = items ?? [];
    const shown = first && {
      text: first.insertText,
      start: document.offsetAt(first.range.start),
      end: document.offsetAt(first.range.end),
    };
    return {
      shown,
      ms,
      isCached: shown !== undefined && figures?.tokensDecoded === 0,
      nothing: figures?.nothing,
    };
  }

  /** Of the last completion; null while no model serves. */
  async figures(): Promise<CompletionFigures | null> {
    return await this.#connection.sendRequest(LAST_COMPLETION_REQUEST.method);
  }

  async closeDocument(path: string): Promise<void> {
    this.#documents.delete(path);
    await this.#connection.sendNotification("textDocument/didClose", {
      textDocument: { uri: this.#uriOf(path) },
    });
  }

  /** As file watchers tell after a branch was switched. */
  async filesChanged(paths: readonly string[]): Promise<void> {
    await this.#connection.sendNotification("workspace/didChangeWatchedFiles", {
      changes: paths.map((path) => ({ uri: this.#uriOf(path), type: FILE_CHANGED })),
    });
  }

  /** At once, as a crash ends it. Questions that wait are rejected. */
  async kill(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  async rest({ path }: TypedDocument, cursor: number): Promise<void> {
    const document = this.#documentAt(path);
    await this.#connection.sendNotification(CURSOR_RESTS_NOTIFICATION.method, {
      textDocument: { uri: document.uri },
      position: document.positionAt(cursor),
    });
  }

  async save({ path, text }: TypedDocument): Promise<void> {
    const target = join(this.#folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    await this.#connection.sendNotification("textDocument/didSave", {
      textDocument: { uri: this.#uriOf(path) },
    });
  }

  usage(): Usage {
    const { cpuSeconds, residentBytes } = usageOf(this.#process.pid);
    const begun = this.#begun.cpuSeconds;
    return {
      cpuSeconds: cpuSeconds === undefined || begun === undefined ? undefined : cpuSeconds - begun,
      residentBytes,
    };
  }

  async close(): Promise<void> {
    const exited = once(this.#process, "exit");
    await this.#connection.sendRequest("shutdown");
    await this.#connection.sendNotification("exit");
    await exited;
    this.#connection.dispose();
    this.#onClosed();
  }

  /** Null also for a question that was taken back. */
  async #complete(place: object, signal: AbortSignal | undefined): Promise<readonly Item[] | null> {
    const source = new CancellationTokenSource();
    const cancel = () => source.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const params = { ...place, context: { triggerKind: AUTOMATIC } };
      return await this.#connection.sendRequest(INLINE_COMPLETION, params, source.token);
    } catch (cause) {
      if (signal?.aborted && cause instanceof ResponseError) return null;
      throw cause;
    } finally {
      signal?.removeEventListener("abort", cancel);
      source.dispose();
    }
  }

  /** Resolves when the server says that it has read the repository; rejects when it says that it cannot, or ends. */
  #listen(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const connection = this.#connection;
    connection.onRequest("workspace/workspaceFolders", () => [workspaceFolder(this.#folder)]);
    connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) =>
      items.map(() => settings),
    );
    connection.onRequest("client/registerCapability", () => null);
    connection.onRequest("window/workDoneProgress/create", () => null);
    const read = new Promise<void>((resolve, reject) => {
      connection.onNotification(STATUS_CHANGED_NOTIFICATION.method, ({ state, message }: Status) => {
        if (state === "ready") resolve();
        if (state === "error") reject(new Error(message));
      });
      this.#process.once("exit", (code) =>
        reject(new Error(`The server ended (${code}) before it had read ${this.#folder}.`)),
      );
    });
    connection.listen();
    return read;
  }

  #documentAt(path: string): TextDocument {
    const document = this.#documents.get(path);
    if (!document) throw new Error(`${path} was not opened.`);
    return document;
  }

  #uriOf(path: string): string {
    return pathToFileURL(join(this.#folder, path)).href;
  }
}

function workspaceFolder(folder: string) {
  return { uri: pathToFileURL(folder).href, name: basename(folder) };
}
