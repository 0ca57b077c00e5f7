import * as vscode from "vscode";
import {
  CloseAction,
  type DocumentSelector,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type NodeModule,
  ProgressType,
  TransportKind,
} from "vscode-languageclient/node";
import { COUNTS_CHANGED_NOTIFICATION, type SessionCounts } from "../protocol/counts.ts";
import type { Notification, Request } from "../protocol/message.ts";
import {
  BETTER_TEXT_NOTIFICATION,
  type InitializationOptions,
  REMOTE_KEY_NOTIFICATION,
  STATUS_CHANGED_NOTIFICATION,
  STATUS_REQUEST,
  type Status,
  type VersionedPlace,
} from "../protocol/messages.ts";
import { reasonOf } from "../protocol/reason.ts";
import { SERVER_FLAGS } from "../protocol/serverFlags.ts";
import { countsFolder } from "./counts.ts";
import { Heartbeat, SILENCE_SECONDS } from "./heartbeat.ts";
import { LateText } from "./lateText.ts";
import type { Meter } from "./meter.ts";
import { createMiddleware } from "./middleware.ts";
import { usualModelsFolder } from "./models/folder.ts";
import type { RemoteKeys } from "./remoteKey.ts";
import { GIVE_UP_MESSAGE, RestartPolicy } from "./restartPolicy.ts";
import { type CurrentSettings, rawSettings } from "./settings.ts";
import type { Snooze } from "./snooze.ts";

/** The server process as the client sees it; what the server itself is doing is its `status`. */
export type ServerLife =
  | { readonly kind: "stopped" }
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly status: Status | undefined }
  | { readonly kind: "failed"; readonly message: string };

interface ClientParts {
  readonly extension: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly meter: Meter;
  readonly snooze: Snooze;
  readonly settings: CurrentSettings;
  readonly remoteKeys: RemoteKeys;
}

const HUNG = `said nothing for ${SILENCE_SECONDS} s and was killed`;

/** Owns the server process: at most one lives, and one that crashed or hangs is started again after a back-off. */
export class Client implements vscode.Disposable {
  readonly #parts: ClientParts;
  readonly #policy = new RestartPolicy();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #lateText = new LateText();
  #life: ServerLife = { kind: "stopped" };
  #server: LanguageClient | undefined;
  #heartbeat: Heartbeat | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Starting and stopping wait for each other here, in the order in which they were asked for. */
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  get life(): ServerLife {
    return this.#life;
  }

  get processId(): number | undefined {
    return this.#server?.serverProcess?.pid;
  }

  /** Does nothing if the server runs, starts, or was given up: that one waits for `restart`. */
  start(): Promise<void> {
    return this.#takeTurn(async () => {
      if (this.#life.kind === "stopped") await this.#open();
    });
  }

  stop(): Promise<void> {
    return this.#takeTurn(() => this.#close());
  }

  restart(): Promise<void> {
    return this.#takeTurn(async () => {
      this.#policy.forget();
      await this.#close();
      await this.#open();
    });
  }

  request<Params extends object | null, Answer, Partial>(
    { method }: Request<Params, Answer, Partial>,
    params: Params,
    token?: vscode.CancellationToken,
  ): Promise<Answer> {
    if (this.#server === undefined || this.#life.kind !== "running") {
      return Promise.reject(new Error("Stateline's server is not running; try again in a moment."));
    }
    return token === undefined
      ? this.#server.sendRequest<Answer>(method, params)
      : this.#server.sendRequest<Answer>(method, params, token);
  }

  /** Nothing where no server runs: what is told so is never missed. */
  notify<Params extends object>({ method }: Notification<Params>, params: Params): void {
    if (this.#server === undefined || this.#life.kind !== "running") return;
    this.#server
      .sendNotification(method, params)
      .catch((error: unknown) => this.#parts.log.debug(`${method}: ${String(error)}`));
  }

  /** Past the language client, which can be told to write its messages to the log. */
  readonly sendRemoteKey = async (): Promise<void> => {
    const params = await this.#parts.remoteKeys.now();
    const process = this.#server?.serverProcess;
    if (params === undefined || process === undefined || !process.connected) return;
    process.send({ jsonrpc: "2.0", method: REMOTE_KEY_NOTIFICATION.method, params });
  };

  /** What the server sends for a token of a request. */
  onProgress<Value>(token: string, listener: (value: Value) => void): vscode.Disposable {
    const type = new ProgressType<Value>();
    return this.#server?.onProgress(type, token, listener) ?? { dispose: () => undefined };
  }

  dispose(): void {
    clearTimeout(this.#retry);
    this.#heartbeat?.dispose();
    this.#changed.dispose();
  }

  #takeTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch((error: unknown) => this.#parts.log.error(`Server: ${String(error)}`));
    return turn;
  }

  async #open(): Promise<void> {
    this.#setLife({ kind: "starting" });
    this.#parts.meter.counted(undefined);
    const server = this.#createServer(() => {
      if (this.#server === server && this.#life.kind === "running")
        this.#crashed(server, "stopped by itself");
    });
    this.#server = server;
    server.onNotification(STATUS_CHANGED_NOTIFICATION.method, (status: Status) =>
      this.#receive(server, status),
    );
    server.onNotification(BETTER_TEXT_NOTIFICATION.method, (place: VersionedPlace) =>
      this.#server === server ? this.#lateText.ask(place) : undefined,
    );
    server.onNotification(
      COUNTS_CHANGED_NOTIFICATION.method,
      ({ session }: { readonly session: SessionCounts | null }) =>
        this.#server === server ? this.#parts.meter.counted(session ?? undefined) : undefined,
    );
    const started = server.start();
    const hung = new Promise<never>((_, reject) => {
      this.#heartbeat = new Heartbeat({
        ping: () => started.then(() => server.sendRequest(STATUS_REQUEST.method)),
        onHung: () => {
          this.#kill(server);
          if (this.#life.kind === "running") this.#crashed(server, HUNG);
          else reject(new Error(HUNG));
        },
      });
    });
    try {
      await Promise.race([started, hung]);
      this.#setLife({ kind: "running", status: undefined });
      this.#receive(server, await this.request(STATUS_REQUEST, null));
    } catch (error) {
      this.#crashed(server, `could not start: ${reasonOf(error)}`);
    }
  }

  /** A process that does not answer is not asked to stop either. */
  #kill(server: LanguageClient): void {
    server.serverProcess?.kill("SIGKILL");
  }

  async #close(): Promise<void> {
    clearTimeout(this.#retry);
    this.#heartbeat?.dispose();
    const server = this.#server;
    this.#server = undefined;
    this.#setLife({ kind: "stopped" });
    if (server !== undefined) await this.#disposeOf(server);
  }

  #receive(server: LanguageClient, status: Status): void {
    if (this.#server === server) this.#setLife({ kind: "running", status });
  }

  #crashed(server: LanguageClient, how: string): void {
    if (this.#server !== server) return;
    this.#heartbeat?.dispose();
    this.#server = undefined;
    void this.#disposeOf(server);
    const verdict = this.#policy.crashed(Date.now());
    this.#parts.log.error(
      `The server ${how}; ${verdict.kind === "retry" ? `next try in ${verdict.delayMs} ms` : "no further try"}`,
    );
    if (verdict.kind === "giveUp") {
      this.#setLife({ kind: "failed", message: GIVE_UP_MESSAGE });
      void this.#offerRestart();
      return;
    }
    this.#setLife({ kind: "starting" });
    this.#retry = setTimeout(() => {
      void this.#takeTurn(async () => {
        if (this.#life.kind === "starting" && this.#server === undefined) await this.#open();
      });
    }, verdict.delayMs);
  }

  async #offerRestart(): Promise<void> {
    const choice = await vscode.window.showErrorMessage(GIVE_UP_MESSAGE, "Restart Server", "Show Log");
    if (choice === "Restart Server") await this.restart();
    if (choice === "Show Log") this.#parts.log.show();
  }

  async #disposeOf(server: LanguageClient): Promise<void> {
    try {
      await server.dispose();
    } catch (error) {
      // A server that crashed cannot be asked to shut down; the language client says so by an error.
      this.#parts.log.debug(`Disposing of the server: ${String(error)}`);
    }
  }

  #setLife(life: ServerLife): void {
    this.#life = life;
    this.#changed.fire();
  }

  #createServer(onClosed: () => void): LanguageClient {
    const { extension, log } = this.#parts;
    const server: NodeModule = {
      module: extension.asAbsolutePath("dist/server.cjs"),
      transport: TransportKind.ipc,
      options: { execArgv: [...SERVER_FLAGS] },
    };
    const options: LanguageClientOptions = {
      documentSelector: servedDocuments(),
      outputChannel: log,
      initializationOptions: (): InitializationOptions => ({
        storagePath: (extension.storageUri ?? extension.globalStorageUri).fsPath,
        countsPath: countsFolder(extension).fsPath,
        modelsPath: usualModelsFolder(extension),
        sendsEachKey: true,
        takesLateTexts: true,
        settings: rawSettings(),
      }),
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          onClosed();
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: createMiddleware({
        ...this.#parts,
        lateText: this.#lateText,
        sendRemoteKey: this.sendRemoteKey,
      }),
    };
    return new QuietLanguageClient("stateline", "Stateline", server, options);
  }
}

/** What a person edits: files, also those of folders that are on no disk, new documents, and cells of notebooks. */
function servedDocuments(): DocumentSelector {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const schemes = new Set(["file", "untitled", ...folders.map(({ uri }) => uri.scheme)]);
  return [...[...schemes].map((scheme) => ({ scheme })), { notebook: "*" }];
}

/** Its errors go to the log alone: the person hears of a server only when it is given up, and then once. */
class QuietLanguageClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}
