// The measurements that a person starts: one notification with progress and Cancel, the rest on the dashboard.
import * as vscode from "vscode";
import {
  BENCHMARK_REQUEST,
  type BenchmarkAnswer,
  type ProgressTokens,
  RATIOS_REQUEST,
  type RatioAdvice,
} from "../../protocol/benchmark.ts";
import type { Measurement, ToPage } from "../../protocol/dashboard.ts";
import { LONG_RANGE_REQUEST } from "../../protocol/longRange.ts";
import type { Request } from "../../protocol/message.ts";
import { reasonOf } from "../../protocol/reason.ts";
import type { Client } from "../client.ts";

const TITLES: Readonly<Record<Measurement, string>> = {
  benchmark: "Stateline: measuring state against attention",
  ratios: "Stateline: measuring the hybrid ratios",
  longRange: "Stateline: Long Range Arena",
};

interface WorkDone {
  readonly kind: "begin" | "report" | "end";
  readonly percentage?: number;
  readonly message?: string;
}

export class Measurements {
  readonly #client: Client;
  readonly #tell: (message: ToPage) => void;
  readonly #running = new Map<Measurement, vscode.CancellationTokenSource>();
  #nextToken = 1;

  constructor(client: Client, tell: (message: ToPage) => void) {
    this.#client = client;
    this.#tell = tell;
  }

  cancel(what: Measurement): void {
    this.#running.get(what)?.cancel();
  }

  /** undefined when it was cancelled or failed, which the person was told. */
  benchmark(): Promise<BenchmarkAnswer | undefined> {
    return this.#run("benchmark", BENCHMARK_REQUEST, (measured) => this.#tell({ kind: "point", measured }));
  }

  async bestRatio(): Promise<RatioAdvice | undefined> {
    const advice = await this.#run("ratios", RATIOS_REQUEST, (figures) =>
      this.#tell({ kind: "figures", figures }),
    );
    if (advice) this.#tell({ kind: "advice", advice });
    return advice;
  }

  async longRange(): Promise<void> {
    const run = await this.#run("longRange", LONG_RANGE_REQUEST, (row) =>
      this.#tell({ kind: "longRangeRow", row }),
    );
    if (run) this.#tell({ kind: "longRangeRun", run });
  }

  async #run<Answer, Partial>(
    what: Measurement,
    request: Request<ProgressTokens, Answer, Partial>,
    onPartial: (partial: Partial) => void,
  ): Promise<Answer | undefined> {
    if (this.#running.size > 0) {
      void vscode.window.showInformationMessage(
        "Another measurement is running; wait for its end or cancel it.",
      );
      return undefined;
    }
    const source = new vscode.CancellationTokenSource();
    this.#running.set(what, source);
    this.#tell({ kind: "progress", of: what, share: 0, message: "" });
    let problem: string | undefined;
    try {
      const options = {
        location: vscode.ProgressLocation.Notification,
        title: TITLES[what],
        cancellable: true,
      };
      return await vscode.window.withProgress(options, (progress, token) => {
        token.onCancellationRequested(() => source.cancel());
        return this.#ask(what, request, source.token, progress, onPartial);
      });
    } catch (error) {
      if (source.token.isCancellationRequested) return undefined;
      problem = reasonOf(error);
      void vscode.window.showErrorMessage(problem);
      return undefined;
    } finally {
      this.#running.delete(what);
      source.dispose();
      this.#tell({ kind: "ended", of: what, ...(problem === undefined ? {} : { problem }) });
    }
  }

  async #ask<Answer, Partial>(
    what: Measurement,
    request: Request<ProgressTokens, Answer, Partial>,
    token: vscode.CancellationToken,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    onPartial: (partial: Partial) => void,
  ): Promise<Answer> {
    const workDoneToken = `stateline-work-${this.#nextToken}`;
    const partialResultToken = `stateline-part-${this.#nextToken++}`;
    let done = 0;
    const onWork = ({ percentage = done, message = "" }: WorkDone): void => {
      progress.report({ message, increment: percentage - done });
      done = percentage;
      // A share of 0 begins the page's progress anew.
      if (percentage > 0) this.#tell({ kind: "progress", of: what, share: percentage / 100, message });
    };
    const listeners = [
      this.#client.onProgress(workDoneToken, onWork),
      this.#client.onProgress(partialResultToken, onPartial),
    ];
    try {
      return await this.#client.request(request, { workDoneToken, partialResultToken }, token);
    } finally {
      for (const listener of listeners) listener.dispose();
    }
  }
}
