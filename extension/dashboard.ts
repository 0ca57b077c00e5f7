// The dashboard's panel: a page that shows what the server tells, and asks for what the person clicks.
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { ADD_BENCHMARK_REQUEST, SAVED_BENCHMARKS_REQUEST } from "../protocol/benchmark.ts";
import { DASHBOARD_REQUEST, type FromPage, type Measurement, type ToPage } from "../protocol/dashboard.ts";
import type { Client } from "./client.ts";
import { chooseRunFile, exportFile } from "./files.ts";
import type { Meter } from "./meter.ts";
import { onSettingsChange, readSettings, writeSetting } from "./settings.ts";

const VIEW_TYPE = "stateline.dashboard";
/** Between two looks at the server while something happens. */
const REFRESH_MS = 400;

export interface DashboardParts {
  readonly extension: vscode.ExtensionContext;
  readonly client: Client;
  readonly meter: Meter;
  readonly log: vscode.LogOutputChannel;
  readonly run: (what: Measurement) => Promise<void>;
  readonly cancel: (what: Measurement) => void;
}

export class Dashboard implements vscode.Disposable {
  readonly #parts: DashboardParts;
  readonly #cleanup: readonly vscode.Disposable[];
  #panel: vscode.WebviewPanel | undefined;
  #refreshTimer: NodeJS.Timeout | undefined;
  /** What a page that was hidden must be told when it is shown again. */
  readonly #lasting = new Map<Measurement, readonly ToPage[]>();

  constructor(parts: DashboardParts) {
    this.#parts = parts;
    const refresh = (): void => this.#refreshSoon();
    this.#cleanup = [
      parts.client.onDidChange(refresh),
      parts.meter.onDidChange(refresh),
      onSettingsChange(refresh),
      vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
        deserializeWebviewPanel: async (panel) => this.#adopt(panel),
      }),
    ];
  }

  show(): void {
    if (this.#panel) this.#panel.reveal();
    else
      this.#adopt(
        vscode.window.createWebviewPanel(VIEW_TYPE, "Stateline", vscode.ViewColumn.Active, this.#options()),
      );
  }

  /** Lost when there is no page; what is worth keeping is kept for the next. */
  tell(message: ToPage): void {
    this.#keep(message);
    this.#post(message);
  }

  dispose(): void {
    clearTimeout(this.#refreshTimer);
    this.#panel?.dispose();
    for (const part of this.#cleanup) part.dispose();
  }

  /** `compare` is the date of a run to lay over the one that is shown. */
  async tellRuns(compare?: string): Promise<void> {
    const runs = await this.#parts.client.request(SAVED_BENCHMARKS_REQUEST, null);
    this.tell({ kind: "runs", runs, ...(compare === undefined ? {} : { compare }) });
  }

  #post(message: ToPage): void {
    void this.#panel?.webview.postMessage(message);
  }

  #options(): vscode.WebviewPanelOptions & vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [this.#folder()] };
  }

  #folder(): vscode.Uri {
    return vscode.Uri.joinPath(this.#parts.extension.extensionUri, "dist", "dashboard");
  }

  #adopt(panel: vscode.WebviewPanel): void {
    this.#panel = panel;
    panel.webview.options = this.#options();
    panel.iconPath = vscode.Uri.joinPath(this.#parts.extension.extensionUri, "media", "icon.png");
    panel.webview.onDidReceiveMessage((message: FromPage) => this.#receive(message));
    panel.onDidChangeViewState(() => this.#refreshSoon());
    panel.onDidDispose(() => {
      this.#panel = undefined;
    });
    panel.webview.html = this.#page(panel.webview);
  }

  async #receive(message: FromPage): Promise<void> {
    try {
      await this.#act(message);
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error);
      this.#parts.log.error(`Dashboard: ${sentence}`);
      await vscode.window.showErrorMessage(sentence);
    }
  }

  async #act(message: FromPage): Promise<unknown> {
    const { run, cancel } = this.#parts;
    switch (message.kind) {
      case "ready":
        for (const messages of this.#lasting.values()) for (const one of messages) this.#post(one);
        await this.#refresh();
        return this.#parts.client.life.kind === "running" && this.tellRuns();
      case "setRatio":
        return await writeSetting("hybridRatio", message.ratio);
      case "run":
        return await run(message.what);
      case "cancel":
        return cancel(message.what);
      case "export":
        return await exportFile(message.file);
      case "addRun":
        return await this.#addRun();
      case "command":
        return await vscode.commands.executeCommand(`stateline.${message.command}`);
    }
  }

  async #addRun(): Promise<void> {
    const text = await chooseRunFile();
    if (text === undefined) return;
    const run = await this.#parts.client.request(ADD_BENCHMARK_REQUEST, { text });
    await this.tellRuns(run.date);
  }

  #refreshSoon(): void {
    if (!this.#panel?.visible) return;
    this.#refreshTimer ??= setTimeout(() => {
      this.#refreshTimer = undefined;
      void this.#refresh();
    }, REFRESH_MS);
  }

  async #refresh(): Promise<void> {
    const { client } = this.#parts;
    if (client.life.kind === "running") {
      // A server that stops in between is seen in its life, which is looked at then.
      const data = await client.request(DASHBOARD_REQUEST, null).catch(() => null);
      if (data) return this.tell({ kind: "data", data });
    }
    this.tell({ kind: "unavailable", ...this.#reason() });
  }

  #reason(): { readonly sentence: string; readonly isError: boolean } {
    const { life } = this.#parts.client;
    if (!readSettings().settings.enabled) return { sentence: "Completions are off.", isError: false };
    if (life.kind === "failed") return { sentence: life.message, isError: true };
    if (life.kind === "running" && life.status?.state === "error")
      return { sentence: life.status.message ?? "The engine reports an error.", isError: true };
    return { sentence: "The model is loading.", isError: false };
  }

  /** Of each measurement all partial results, and how it ended; of a benchmark the saved run has them. */
  #keep(message: ToPage): void {
    const of = measurementOf(message);
    if (of === undefined) return;
    const isAnew = message.kind === "progress" || (message.kind === "ended" && of === "benchmark");
    const kept = isAnew ? [] : (this.#lasting.get(of) ?? []);
    this.#lasting.set(of, [...kept, message]);
  }

  #page(webview: vscode.Webview): string {
    const nonce = randomBytes(18).toString("base64");
    const uri = (name: string): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(this.#folder(), name)).toString();
    const policy = [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      // A picture of a chart is drawn from its SVG, which is an image for a moment.
      "img-src data:",
    ].join("; ");
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Stateline</title>
<link rel="stylesheet" nonce="${nonce}" href="${uri("page.css")}">
</head>
<body>
<main id="page"></main>
<script nonce="${nonce}" src="${uri("page.js")}"></script>
</body>
</html>`;
  }
}

/** Whose beginning, result or end a message is; reports of progress on the way are not worth keeping. */
function measurementOf(message: ToPage): Measurement | undefined {
  switch (message.kind) {
    case "progress":
      return message.share === 0 ? message.of : undefined;
    case "ended":
      return message.of;
    case "point":
      return "benchmark";
    case "figures":
    case "advice":
      return "ratios";
    case "longRangeRow":
    case "longRangeRun":
      return "longRange";
    default:
      return undefined;
  }
}
