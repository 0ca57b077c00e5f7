import * as vscode from "vscode";
import { DASHBOARD_VIEW } from "../protocol/dashboard.ts";
import { LAST_COMPLETION_REQUEST } from "../protocol/messages.ts";
import { Client } from "./client.ts";
import type { Command } from "./commands.ts";
import type { ExtensionApi } from "./extensionApi.ts";
import type { Measuring } from "./measure/measuring.ts";
import { Meter } from "./meter.ts";
import { ReadPage } from "./readPage.ts";
import { RemoteKeys } from "./remoteKey.ts";
import { RestingCursor } from "./restingCursor.ts";
import { CurrentSettings } from "./settings.ts";
import { Snooze } from "./snooze.ts";
import { StatusBar } from "./statusBar.ts";

/** What the commands share; every disposable of the extension hangs on `extension.subscriptions`. */
export class Context {
  readonly extension: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly settings: CurrentSettings;
  readonly meter: Meter;
  readonly snooze: Snooze;
  readonly remoteKeys: RemoteKeys;
  readonly client: Client;
  readonly statusBar: StatusBar;
  readonly readPage: ReadPage;
  #measuring: Promise<Measuring> | undefined;

  static create(extension: vscode.ExtensionContext): Context {
    const context = new Context(extension);
    const { log, settings, meter, snooze, client, statusBar, readPage } = context;
    for (const part of [log, settings, meter, snooze, client, statusBar, readPage]) context.pushCleanup(part);
    context.pushCleanup(new RestingCursor(client, snooze, settings));
    // A page that VS Code shows again after a start of its own.
    context.pushCleanup(
      vscode.window.registerWebviewPanelSerializer(DASHBOARD_VIEW, {
        deserializeWebviewPanel: async (panel) => (await context.measuring()).dashboard.adopt(panel),
      }),
    );
    return context;
  }

  private constructor(extension: vscode.ExtensionContext) {
    this.extension = extension;
    this.log = vscode.window.createOutputChannel("Stateline", { log: true });
    this.settings = new CurrentSettings();
    this.meter = new Meter();
    this.snooze = new Snooze();
    this.remoteKeys = new RemoteKeys(extension.secrets, this.settings);
    this.client = new Client(this);
    this.statusBar = new StatusBar(this);
    this.readPage = new ReadPage(this.client);
  }

  /** The dashboard and the measurements; most sessions want neither, so they are loaded at the first use. */
  readonly measuring = (): Promise<Measuring> => {
    this.#measuring ??= import("./measure/measuring.ts").then(({ Measuring }) => {
      const measuring = new Measuring(this);
      this.pushCleanup(measuring);
      return measuring;
    });
    return this.#measuring;
  };

  register({ id, run }: Command): void {
    this.pushCleanup(
      vscode.commands.registerCommand(id, async (argument: unknown) => {
        try {
          return await run(this, argument);
        } catch (error) {
          this.log.error(`${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
          throw error;
        }
      }),
    );
  }

  pushCleanup(part: vscode.Disposable): void {
    this.extension.subscriptions.push(part);
  }

  /** Off means off: a disabled Stateline runs no server and holds no memory. */
  followSettings(): void {
    const apply = (): void => {
      for (const problem of this.settings.problems) this.log.warn(problem);
      void (this.settings.now.enabled ? this.client.start() : this.client.stop());
    };
    this.pushCleanup(this.settings.onDidChange(apply));
    apply();
  }

  /** Which documents are served is said when the server starts: a folder on another kind of file system is new to it. */
  followFolders(): void {
    this.pushCleanup(
      vscode.workspace.onDidChangeWorkspaceFolders(({ added }) => {
        const isVirtual = added.some(({ uri }) => uri.scheme !== "file");
        if (isVirtual && this.client.life.kind === "running") void this.client.restart();
      }),
    );
  }

  stop(): Promise<void> {
    return this.client.stop();
  }

  api(): ExtensionApi {
    return {
      onDidChange: this.statusBar.onDidChange,
      face: () => this.statusBar.face(),
      status: () => (this.client.life.kind === "running" ? this.client.life.status : undefined),
      serverProcessId: () => this.client.processId,
      counts: () => this.meter.figures.counts,
      lastCompletion: () => this.client.request(LAST_COMPLETION_REQUEST, null),
    };
  }
}
