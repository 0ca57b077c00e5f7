/** The measurements as requests: one at a time, with progress, cancellable, their results kept on disk. */
import { join } from "node:path";
import {
  type CancellationToken,
  type Connection,
  LSPErrorCodes,
  ResponseError,
} from "vscode-languageserver/node";
import {
  ADD_BENCHMARK_REQUEST,
  type AddBenchmarkParams,
  BENCHMARK_REQUEST,
  type BenchmarkAnswer,
  type BenchmarkParams,
  type BenchmarkRun,
  DEFAULT_LATENCY_BUDGET_MS,
  DEFAULT_MEMORY_BUDGET_BYTES,
  type MeasuredPoint,
  type ProgressTokens,
  problemOfBenchmarkParams,
  problemOfRatioParams,
  RATIOS_REQUEST,
  type RatioAdvice,
  type RatioFigures,
  type RatioParams,
  SAVED_BENCHMARKS_REQUEST,
} from "../protocol/benchmark.ts";
import { LONG_RANGE_REQUEST, type LongRangeRow, type LongRangeRun } from "../protocol/longRange.ts";
import type { Request } from "../protocol/message.ts";
import { adviseRatio } from "./benchmark/advice.ts";
import { runLongRange } from "./benchmark/longRange.ts";
import { measureRatios } from "./benchmark/ratios.ts";
import { runBenchmark } from "./benchmark/run.ts";
import { RunStore } from "./benchmark/runStore.ts";
import { takeSample } from "./benchmark/sample.ts";
import { Cancelled } from "./engine/engine.ts";
import { ADDON_PATH, LONG_RANGE_PATH } from "./installation.ts";
import { type Log, reasonOf } from "./log.ts";
import type { MeasuredSubject, Stateline } from "./stateline.ts";
import { onRequest, sendPartial } from "./typedMessages.ts";

/** Between two reports of progress. */
const REPORT_MS = 100;

export interface BenchmarkContext {
  readonly connection: Connection;
  readonly log: Log;
  readonly stateline: () => Stateline | undefined;
  readonly storagePath: () => string;
}

interface Job<Partial> {
  readonly subject: MeasuredSubject;
  readonly signal: AbortSignal;
  readonly report: (share: number, message: string) => void;
  readonly send: (partial: Partial) => void;
}

interface Measuring<Params, Answer, Partial> {
  /** For the person's progress. */
  readonly title: string;
  /** One sentence. */
  readonly problemOf: (params: Params | null) => string | undefined;
  readonly measure: (params: Params | null, job: Job<Partial>) => Promise<Answer>;
}

export class BenchmarkRequests {
  readonly #context: BenchmarkContext;
  #isRunning = false;

  constructor(context: BenchmarkContext) {
    this.#context = context;
  }

  listen(): void {
    const { connection } = this.#context;
    this.#measurement(BENCHMARK_REQUEST, {
      title: "Measuring state against attention",
      problemOf: problemOfBenchmarkParams,
      measure: (params, job) => this.#benchmark(params ?? {}, job),
    });
    this.#measurement(RATIOS_REQUEST, {
      title: "Measuring the hybrid ratios",
      problemOf: problemOfRatioParams,
      measure: (params, job) => this.#ratios(params ?? {}, job),
    });
    this.#measurement(LONG_RANGE_REQUEST, {
      title: "Measuring Long Range Arena",
      problemOf: () => undefined,
      measure: (_params, job) => this.#longRange(job),
    });
    onRequest(connection, SAVED_BENCHMARKS_REQUEST, () => this.#store().list());
    onRequest(connection, ADD_BENCHMARK_REQUEST, (params) => this.#add(params));
  }

  async #add(params: AddBenchmarkParams | null): Promise<BenchmarkRun | ResponseError<void>> {
    try {
      return await this.#store().add(String(params?.text));
    } catch (cause) {
      return new ResponseError(LSPErrorCodes.RequestFailed, reasonOf(cause));
    }
  }

  async #benchmark(
    params: BenchmarkParams,
    { subject, signal, report, send }: Job<MeasuredPoint>,
  ): Promise<BenchmarkAnswer> {
    const { log } = this.#context;
    const run = await runBenchmark(subject, params, signal, { onPoint: send, onProgress: report });
    try {
      const pagePath = await this.#store().save(run);
      log.info(`Benchmark: ${run.seconds} s, saved as ${pagePath}.`);
      return { run, pagePath };
    } catch (cause) {
      log.warn(`The benchmark cannot be saved: ${reasonOf(cause)}`);
      return { run };
    }
  }

  async #ratios(
    params: RatioParams,
    { subject, signal, report, send }: Job<RatioFigures>,
  ): Promise<RatioAdvice> {
    const { log } = this.#context;
    const latencyBudgetMs = params.latencyBudgetMs ?? DEFAULT_LATENCY_BUDGET_MS;
    const memoryBudgetBytes = params.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
    const { heads } = subject.model.info;
    const sample = await takeSample(subject.tokenizer, { ...subject, log, signal });
    let done = 0;
    report(0, "ratio 1");
    const figures = await measureRatios(subject.model, {
      ...{ ...subject, sample, signal },
      stateHeads: Array.from({ length: heads + 1 }, (_, i) => heads - i),
      onFigures: (one) => {
        done++;
        report(done / (heads + 1), `ratio ${(heads - Math.min(done, heads)) / heads}`);
        send(one);
      },
    });
    const { best, explanation } = adviseRatio(figures, { latencyBudgetMs, memoryBudgetBytes });
    log.info(explanation);
    const sampleBytes = sample.files.reduce((sum, file) => sum + file.bytes, 0);
    const sampleFiles = sample.files.length;
    return { figures, latencyBudgetMs, memoryBudgetBytes, sampleFiles, sampleBytes, best, explanation };
  }

  #longRange({ subject, signal, report, send }: Job<LongRangeRow>): Promise<LongRangeRun> {
    return runLongRange({
      addonPath: ADDON_PATH,
      weightsPath: LONG_RANGE_PATH,
      threads: subject.model.info.threads,
      signal,
      onRow: send,
      onProgress: report,
    });
  }

  #measurement<Params extends ProgressTokens, Answer, Partial>(
    request: Request<Params, Answer, Partial>,
    measuring: Measuring<Params, Answer, Partial>,
  ): void {
    onRequest(this.#context.connection, request, (params, token) =>
      this.#run(request, measuring, params, token),
    );
  }

  async #run<Params extends ProgressTokens, Answer, Partial>(
    request: Request<Params, Answer, Partial>,
    { title, problemOf, measure }: Measuring<Params, Answer, Partial>,
    params: Params | null,
    token: CancellationToken,
  ): Promise<Answer | ResponseError<void>> {
    const problem = problemOf(params);
    if (problem) return new ResponseError(LSPErrorCodes.RequestFailed, problem);
    if (this.#isRunning) {
      const sentence = "Another measurement is running; wait for its end or cancel it.";
      return new ResponseError(LSPErrorCodes.RequestFailed, sentence);
    }
    this.#isRunning = true;
    const controller = new AbortController();
    const subscription = token.onCancellationRequested(() => controller.abort());
    const progress = this.#context.connection.window.attachWorkDoneProgress(params?.workDoneToken);
    progress.begin(title, 0, "waiting until the repository is read", true);
    try {
      const { signal } = controller;
      const send = (partial: Partial): void =>
        sendPartial(this.#context.connection, request, params?.partialResultToken, partial);
      return await measure(params, await this.#job(signal, progress.report.bind(progress), send));
    } catch (cause) {
      if (controller.signal.aborted || cause instanceof Cancelled)
        return new ResponseError(LSPErrorCodes.RequestCancelled, "The measurement was cancelled.");
      return new ResponseError(LSPErrorCodes.RequestFailed, reasonOf(cause));
    } finally {
      progress.done();
      subscription.dispose();
      this.#isRunning = false;
    }
  }

  /** Waits until the repository is read: a reading beside it would be measured too. */
  async #job<Partial>(
    signal: AbortSignal,
    report: (percentage: number, message: string) => void,
    send: (partial: Partial) => void,
  ): Promise<Job<Partial>> {
    const { stateline } = this.#context;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(new Cancelled()), { once: true });
    });
    const subject = await Promise.race([stateline()?.whenRead(), aborted]);
    if (!subject)
      throw new Error(stateline()?.status.message ?? "The model is not loaded yet; try again in a moment.");
    let reportedMs = 0;
    return {
      subject,
      signal,
      report: (share, message) => {
        if (performance.now() - reportedMs < REPORT_MS) return;
        reportedMs = performance.now();
        report(Math.min(100, Math.round(100 * share)), message);
      },
      send,
    };
  }

  #store(): RunStore {
    return new RunStore(join(this.#context.storagePath(), "benchmarks"), this.#context.log);
  }
}
