/** The measurements as requests: one at a time, with progress, cancellable, their results kept on disk. */
import { join } from "node:path";
import {
  type CancellationToken,
  type Connection,
  LSPErrorCodes,
  ResponseError,
} from "vscode-languageserver/node";
import {
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
} from "../../protocol/benchmark.ts";
import {
  LONG_RANGE_REQUEST,
  type LongRangeParams,
  type LongRangeRow,
  type LongRangeRun,
} from "../../protocol/longRange.ts";
import type { Request } from "../../protocol/message.ts";
import { layersInWords } from "../../protocol/words.ts";
import { Cancelled } from "../engine/engine.ts";
import { LONG_RANGE_ADDON_PATH, LONG_RANGE_PATH } from "../installation.ts";
import { type Log, reasonOf } from "../log.ts";
import type { Served, Stateline } from "../stateline.ts";
import { sendPartial } from "../typedMessages.ts";
import { adviseRatio } from "./advice.ts";
import { runLongRange } from "./longRange.ts";
import { measureRatios } from "./ratios.ts";
import { runBenchmark } from "./run.ts";
import { RunStore } from "./runStore.ts";
import { takeSample } from "./sample.ts";

/** Between two reports of progress. */
const REPORT_MS = 100;

export interface MeasuringContext {
  readonly connection: Connection;
  readonly log: Log;
  readonly stateline: () => Stateline | undefined;
  readonly storagePath: () => string;
}

type Outcome<Answer> = Promise<Answer | ResponseError<void>>;

interface Job<Partial> {
  readonly subject: Served;
  readonly signal: AbortSignal;
  readonly report: (share: number, message: string) => void;
  readonly send: (partial: Partial) => void;
}

interface Measurement<Answer, Partial> {
  /** For the person's progress. */
  readonly title: string;
  /** Of the parameters: one sentence. */
  readonly problem: string | undefined;
  readonly measure: (job: Job<Partial>) => Promise<Answer>;
}

export class MeasurementRequests {
  readonly #context: MeasuringContext;
  #isRunning = false;

  constructor(context: MeasuringContext) {
    this.#context = context;
  }

  benchmark(params: BenchmarkParams | null, token: CancellationToken): Outcome<BenchmarkAnswer> {
    return this.#run(BENCHMARK_REQUEST, params, token, {
      title: "Measuring state against attention",
      problem: problemOfBenchmarkParams(params),
      measure: (job) => this.#benchmark(params ?? {}, job),
    });
  }

  ratios(params: RatioParams | null, token: CancellationToken): Outcome<RatioAdvice> {
    return this.#run(RATIOS_REQUEST, params, token, {
      title: "Measuring the hybrid ratios",
      problem: problemOfRatioParams(params),
      measure: (job) => this.#ratios(params ?? {}, job),
    });
  }

  longRange(params: LongRangeParams | null, token: CancellationToken): Outcome<LongRangeRun> {
    return this.#run(LONG_RANGE_REQUEST, params, token, {
      title: "Measuring Long Range Arena",
      problem: undefined,
      measure: (job) => this.#longRange(job),
    });
  }

  savedBenchmarks(): Promise<readonly BenchmarkRun[]> {
    return this.#store().list();
  }

  async addBenchmark(params: AddBenchmarkParams | null): Promise<BenchmarkRun | ResponseError<void>> {
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
    const { heads, layerKinds } = subject.model.info;
    if (heads === 0)
      throw new Error(`This model has no hybrid ratio: of its layers ${layersInWords(layerKinds)}.`);
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
      addonPath: LONG_RANGE_ADDON_PATH,
      weightsPath: LONG_RANGE_PATH,
      threads: subject.model.info.threads,
      signal,
      onRow: send,
      onProgress: report,
    });
  }

  async #run<Params extends ProgressTokens, Answer, Partial>(
    request: Request<Params, Answer, Partial>,
    params: Params | null,
    token: CancellationToken,
    { title, problem, measure }: Measurement<Answer, Partial>,
  ): Outcome<Answer> {
    if (problem) return new ResponseError(LSPErrorCodes.RequestFailed, problem);
    if (this.#isRunning) {
      const sentence = "Another measurement is running; wait for its end or cancel it.";
      return new ResponseError(LSPErrorCodes.RequestFailed, sentence);
    }
    this.#isRunning = true;
    using _held = this.#context.stateline()?.hold();
    const controller = new AbortController();
    const subscription = token.onCancellationRequested(() => controller.abort());
    const progress = this.#context.connection.window.attachWorkDoneProgress(params?.workDoneToken);
    progress.begin(title, 0, "waiting until the repository is read", true);
    try {
      const { signal } = controller;
      const send = (partial: Partial): void =>
        sendPartial(this.#context.connection, request, params?.partialResultToken, partial);
      return await measure(await this.#job(signal, progress.report.bind(progress), send));
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
