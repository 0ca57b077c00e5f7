/** Runs of the benchmark on disk, as JSON and as a page, so that they can be compared. A damaged one counts as absent. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchmarkPoint, BenchmarkRun, BenchmarkSeries } from "../../protocol/benchmark.ts";
import { type Log, reasonOf } from "../log.ts";
import { benchmarkPage } from "./markdown.ts";

/** The oldest go first. */
const MOST_RUNS = 20;
const MOST_BYTES = 2 ** 20;
const NAME = /^benchmark-[\dTZ-]+\.json$/;

export class RunStore {
  readonly #directory: string;
  readonly #log: Log;

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Answers the path of the page. */
  async save(run: BenchmarkRun): Promise<string> {
    const name = `benchmark-${run.date.slice(0, 19).replaceAll(":", "-")}Z`;
    await mkdir(this.#directory, { recursive: true });
    await this.#replace(`${name}.json`, `${JSON.stringify(run, null, 1)}\n`);
    await this.#replace(`${name}.md`, `${benchmarkPage(run)}\n`);
    for (const old of (await this.#names()).slice(MOST_RUNS)) {
      await rm(join(this.#directory, old), { force: true });
      await rm(join(this.#directory, old.replace(/json$/, "md")), { force: true });
    }
    return join(this.#directory, `${name}.md`);
  }

  /** The latest first. */
  async list(): Promise<BenchmarkRun[]> {
    const runs = await Promise.all(
      (await this.#names()).map((name) => this.#read(join(this.#directory, name))),
    );
    return runs.filter((run) => run !== undefined);
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#directory).catch(() => []);
    return names
      .filter((name) => NAME.test(name))
      .sort()
      .reverse();
  }

  async #read(path: string): Promise<BenchmarkRun | undefined> {
    try {
      if ((await stat(path)).size > MOST_BYTES) throw new Error("it is too large");
      const run: unknown = JSON.parse(await readFile(path, "utf8"));
      if (!isRun(run)) throw new Error("it is not a benchmark of this version");
      return run;
    } catch (cause) {
      this.#log.warn(`The saved benchmark ${path} is not used: ${reasonOf(cause)}.`);
      return undefined;
    }
  }

  async #replace(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.tmp`, text);
    await rename(`${path}.tmp`, path);
  }
}

/** Of everything that a report or a chart reads. */
function isRun(value: unknown): value is BenchmarkRun {
  const run = value as BenchmarkRun | null;
  return (
    run?.version === 1 &&
    typeof run.date === "string" &&
    [run.seconds, run.decodeTokens, run.timeLimitSeconds, run.memoryLimitBytes].every(isNumber) &&
    typeof run.machine?.cpu === "string" &&
    typeof run.model?.name === "string" &&
    isNumber(run.model.parameters) &&
    Array.isArray(run.series) &&
    run.series.every(isSeries)
  );
}

function isSeries(series: BenchmarkSeries | null): boolean {
  return (
    ["state", "attention", "chosen"].includes(series?.mode ?? "") &&
    isNumber(series?.hybridRatio) &&
    isNumber(series?.attentionWindow) &&
    Array.isArray(series?.points) &&
    series.points.every(isPoint)
  );
}

function isPoint(point: BenchmarkPoint | null): boolean {
  return [
    point?.contextTokens,
    point?.prefillMs,
    point?.prefillTokensPerSecond,
    point?.decodeTokensPerSecond,
    point?.wallMs,
    point?.stateBytes,
    point?.kvBytes,
  ].every(isNumber);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}
