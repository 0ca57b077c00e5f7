import * as vscode from "vscode";
import { LAST_COMPLETION_REQUEST } from "../protocol/messages.ts";
import { Client } from "./client.ts";
import { Dashboard } from "./dashboard.ts";
import type { ExtensionApi } from "./extensionApi.ts";
import { Measurements } from "./measurements.ts";
import { Meter } from "./meter.ts";
import { RestingCursor } from "./restingCursor.ts";
import { onSettingsChange, readSettings } from "./settings.ts";
import { Snooze } from "./snooze.ts";
import { StatusBar } from "./statusBar.ts";

export type Command = (...args: readonly unknown[]) => unknown;
export type CommandFactory = (context: Context) => Command;

const COMMANDS = {
  benchmark: "stateline.benchmark",
  ratios: "stateline.findRatio",
  longRange: "stateline.longRange",
} as const;

/** What the commands share; every disposable of the extension hangs on `extension.subscriptions`. */
export class Context {
  readonly extension: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly meter: Meter;
  readonly snooze: Snooze;
  readonly client: Client;
  readonly statusBar: StatusBar;
  readonly measurements: Measurements;
  readonly dashboard: Dashboard;

  static create(extension: vscode.ExtensionContext): Context {
    const context = new Context(extension);
    const { log, meter, snooze, client, statusBar, dashboard } = context;
    for (const part of [log, meter, snooze, client, statusBar, dashboard]) context.pushCleanup(part);
    context.pushCleanup(new RestingCursor(client, snooze));
    return context;
  }

  private constructor(extension: vscode.ExtensionContext) {
    this.extension = extension;
    this.log = vscode.window.createOutputChannel("Stateline", { log: true });
    this.meter = new Meter();
    this.snooze = new Snooze();
    this.client = new Client({ extension, log: this.log, meter: this.meter, snooze: this.snooze });
    this.statusBar = new StatusBar(this.client, this.meter, this.snooze);
    this.measurements = new Measurements(this.client, (message) => this.dashboard.tell(message));
    this.dashboard = new Dashboard({
      extension,
      client: this.client,
      meter: this.meter,
      log: this.log,
      run: async (what) => vscode.commands.executeCommand(COMMANDS[what]),
      cancel: (what) => this.measurements.cancel(what),
    });
  }

  registerCommand(name: string, factory: CommandFactory): void {
    const command = factory(this);
    this.pushCleanup(
      vscode.commands.registerCommand(name, async (...args: unknown[]) => {
        try {
          return await command(...args);
        } catch (error) {
          this.log.error(
            `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          );
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
      const { settings, problems } = readSettings();
      for (const problem of problems) this.log.warn(problem);
      void (settings.enabled ? this.client.start() : this.client.stop());
    };
    this.pushCleanup(onSettingsChange(apply));
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
      counts: () => this.meter.counts,
      lastCompletion: () => this.client.request(LAST_COMPLETION_REQUEST, null),
    };
  }
}
