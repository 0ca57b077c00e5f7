// The dashboard's panel: a page that shows what the server tells, and asks for what the person clicks.
import * as vscode from "vscode";
import { ADD_BENCHMARK_REQUEST, SAVED_BENCHMARKS_REQUEST } from "../../protocol/benchmark.ts";
import { COUNTS_REQUEST, type SessionCounts } from "../../protocol/counts.ts";
import {
  DASHBOARD_REQUEST,
  DASHBOARD_VIEW,
  type FromPage,
  type Measurement,
  problemOfPageMessage,
  type ToPage,
} from "../../protocol/dashboard.ts";
import { reasonOf } from "../../protocol/reason.ts";
import type { Client } from "../client.ts";
import type { Meter } from "../meter.ts";
import { type CurrentSettings, writeSetting } from "../settings.ts";
import { dashboardPage } from "./dashboardPage.ts";
import { chooseRunFile, exportFile } from "./files.ts";

/** Between two looks at the server while something happens. */
const REFRESH_MS = 400;

export interface DashboardParts {
  readonly extension: vscode.ExtensionContext;
  readonly client: Client;
  readonly meter: Meter;
  readonly settings: CurrentSettings;
  readonly log: vscode.LogOutputChannel;
  readonly run: (what: Measurement) => Promise<void>;
  readonly cancel: (what: Measurement) => void;
}

export class Dashboard implements vscode.Disposable {
  readonly #parts: DashboardParts;
  readonly #cleanup: readonly vscode.Disposable[];
  /** The newest is at the end. VS Code may bring back several. */
  #panels: readonly vscode.WebviewPanel[] = [];
  #refreshTimer: NodeJS.Timeout | undefined;
  /** As they were when the pages were told what is counted. */
  #toldCounts: SessionCounts | undefined;
  /** What a page that was hidden must be told when it is shown again. */
  readonly #lasting = new Map<Measurement, readonly ToPage[]>();

  constructor(parts: DashboardParts) {
    this.#parts = parts;
    const refresh = (): void => this.#refreshSoon();
    this.#cleanup = [
      parts.client.onDidChange(refresh),
      parts.meter.onDidChange(refresh),
      parts.settings.onDidChange(refresh),
    ];
  }

  show(): void {
    const last = this.#panels.at(-1);
    const { Active } = vscode.ViewColumn;
    if (last) last.reveal();
    else this.adopt(vscode.window.createWebviewPanel(DASHBOARD_VIEW, "Stateline", Active, this.#options()));
  }

  /** A panel that is new, or that VS Code shows again after a start of its own. */
  adopt(panel: vscode.WebviewPanel): void {
    this.#panels = [...this.#panels, panel];
    panel.webview.options = this.#options();
    panel.iconPath = vscode.Uri.joinPath(this.#parts.extension.extensionUri, "media", "icon.png");
    panel.webview.onDidReceiveMessage((message: FromPage) => this.#receive(message, panel));
    panel.onDidChangeViewState(() => this.#refreshSoon());
    panel.onDidDispose(() => {
      this.#panels = this.#panels.filter((one) => one !== panel);
    });
    panel.webview.html = dashboardPage((name) =>
      panel.webview.asWebviewUri(vscode.Uri.joinPath(this.#folder(), name)).toString(),
    );
  }

  /** Lost when there is no page; what is worth keeping is kept for the next. */
  tell(message: ToPage): void {
    this.#keep(message);
    this.#post(message);
  }

  dispose(): void {
    clearTimeout(this.#refreshTimer);
    for (const panel of this.#panels) panel.dispose();
    for (const part of this.#cleanup) part.dispose();
  }

  /** `compare` is the date of a run to lay over the one that is shown. */
  async tellRuns(compare?: string): Promise<void> {
    const runs = await this.#parts.client.request(SAVED_BENCHMARKS_REQUEST, null);
    this.tell({ kind: "runs", runs, ...(compare === undefined ? {} : { compare }) });
  }

  #post(message: ToPage): void {
    for (const { webview } of this.#panels) void webview.postMessage(message);
  }

  #options(): vscode.WebviewPanelOptions & vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [this.#folder()] };
  }

  #folder(): vscode.Uri {
    return vscode.Uri.joinPath(this.#parts.extension.extensionUri, "dist", "dashboard");
  }

  async #receive(message: FromPage, panel: vscode.WebviewPanel): Promise<void> {
    try {
      const problem = problemOfPageMessage(message);
      if (problem !== undefined) throw new Error(problem);
      await this.#act(message, panel);
    } catch (error) {
      const sentence = reasonOf(error);
      this.#parts.log.error(`Dashboard: ${sentence}`);
      await vscode.window.showErrorMessage(sentence);
    }
  }

  async #act(message: FromPage, { webview }: vscode.WebviewPanel): Promise<unknown> {
    const { run, cancel } = this.#parts;
    switch (message.kind) {
      case "ready":
        for (const messages of this.#lasting.values())
          for (const one of messages) void webview.postMessage(one);
        this.#toldCounts = undefined;
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
    if (!this.#panels.some(({ visible }) => visible)) return;
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
      if (data) {
        this.tell({ kind: "data", data });
        return await this.#tellCounts();
      }
    }
    this.tell({ kind: "unavailable", ...this.#reason() });
  }

  /** Of many days: they are asked for again only when something was counted. */
  async #tellCounts(): Promise<void> {
    const now = this.#parts.meter.figures.counts;
    if (now !== undefined && now === this.#toldCounts) return;
    this.#toldCounts = now;
    const counts = await this.#parts.client.request(COUNTS_REQUEST, null).catch(() => null);
    if (counts) this.tell({ kind: "counts", counts });
  }

  #reason(): { readonly sentence: string; readonly isError: boolean } {
    const { life } = this.#parts.client;
    if (!this.#parts.settings.now.enabled) return { sentence: "Completions are off.", isError: false };
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
