/** What measures Stateline and shows it: the dashboard and the measurements that a person starts. Loaded when it is asked for. */
import * as vscode from "vscode";
import type { BenchmarkAnswer, RatioAdvice } from "../../protocol/benchmark.ts";
import type { Measurement } from "../../protocol/dashboard.ts";
import { writeSetting } from "../settings.ts";
import { Dashboard, type DashboardParts } from "./dashboard.ts";
import { Measurements } from "./measurements.ts";

export type MeasuringParts = Omit<DashboardParts, "run" | "cancel">;

export class Measuring implements vscode.Disposable {
  readonly dashboard: Dashboard;
  readonly #parts: MeasuringParts;
  readonly #measurements: Measurements;

  constructor(parts: MeasuringParts) {
    this.#parts = parts;
    this.#measurements = new Measurements(parts.client, (message) => this.dashboard.tell(message));
    this.dashboard = new Dashboard({
      ...parts,
      run: (what) => this.run(what),
      cancel: (what) => this.#measurements.cancel(what),
    });
  }

  /** The charts fill while it runs. */
  async run(what: Measurement): Promise<void> {
    this.dashboard.show();
    if (what === "longRange") return await this.#measurements.longRange();
    if (what === "benchmark") return await this.#finishBenchmark(await this.#measurements.benchmark());
    const advice = await this.#measurements.bestRatio();
    if (advice) await this.#offerRatio(advice);
  }

  dispose(): void {
    this.dashboard.dispose();
  }

  /** The page with the tables is offered. */
  async #finishBenchmark(answer: BenchmarkAnswer | undefined): Promise<void> {
    if (answer === undefined) return;
    await this.dashboard.tellRuns();
    if (answer.pagePath === undefined) return;
    const sentence = `State against attention: measured in ${answer.run.seconds} s and saved.`;
    const choice = await vscode.window.showInformationMessage(sentence, "Open Report");
    if (choice !== undefined)
      await vscode.commands.executeCommand("markdown.showPreview", vscode.Uri.file(answer.pagePath));
  }

  /** Says why, and offers to write the setting. */
  async #offerRatio({ best, explanation }: RatioAdvice): Promise<void> {
    const { life } = this.#parts.client;
    if (life.kind === "running" && best === life.status?.hybridRatio) {
      await vscode.window.showInformationMessage(`${explanation} It is in use already.`);
      return;
    }
    const apply = `Use Ratio ${best}`;
    const choice = await vscode.window.showInformationMessage(explanation, apply, "Not Now");
    if (choice === apply) await writeSetting("hybridRatio", best);
  }
}
