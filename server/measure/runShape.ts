/** Whether a JSON value is a run of the benchmark: of everything that a report or a chart reads. */
import type {
  BenchmarkPoint,
  BenchmarkRun,
  BenchmarkSeries,
  Machine,
  MeasuredModel,
  Stop,
} from "../../protocol/benchmark.ts";

/** Names a file, so nothing else may stand in it. */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const MODES = ["state", "attention", "chosen"];
const MOST_POINTS = 64;
const LONGEST_NAME = 200;

export function isRun(value: unknown): value is BenchmarkRun {
  const run = value as BenchmarkRun | null;
  return (
    run?.version === 1 &&
    typeof run.date === "string" &&
    DATE.test(run.date) &&
    !Number.isNaN(Date.parse(run.date)) &&
    [run.seconds, run.decodeTokens, run.timeLimitSeconds, run.memoryLimitBytes].every(isNumber) &&
    isMachine(run.machine) &&
    isModel(run.model) &&
    Array.isArray(run.series) &&
    run.series.length <= MODES.length &&
    run.series.every(isSeries)
  );
}

function isMachine(machine: Machine | null | undefined): boolean {
  return (
    [machine?.cpu, machine?.system, machine?.node].every(isName) &&
    [machine?.logicalCores, machine?.memoryGiB].every(isNumber) &&
    [machine?.physicalCores, machine?.loadBefore].every((one) => one === null || isNumber(one))
  );
}

function isModel(model: MeasuredModel | null | undefined): boolean {
  return (
    [model?.name, model?.hash, model?.quantization, model?.cpuLevel].every(isName) &&
    [model?.parameters, model?.weightBytes, model?.threads].every(isNumber)
  );
}

function isSeries(series: BenchmarkSeries | null): boolean {
  return (
    MODES.includes(series?.mode ?? "") &&
    (series?.hybridRatio === null || isNumber(series?.hybridRatio)) &&
    isNumber(series?.attentionWindow) &&
    Array.isArray(series?.points) &&
    series.points.length <= MOST_POINTS &&
    series.points.every(isPoint) &&
    (series.stopped === undefined || isStop(series.stopped))
  );
}

function isPoint(point: BenchmarkPoint | null): boolean {
  return (
    [
      point?.contextTokens,
      point?.prefillMs,
      point?.prefillTokensPerSecond,
      point?.decodeTokensPerSecond,
      point?.wallMs,
    ].every((one) => isNumber(one) && one > 0) && [point?.stateBytes, point?.kvBytes].every(isNumber)
  );
}

function isStop(stop: Stop | null): boolean {
  if (!isNumber(stop?.atTokens)) return false;
  return stop?.reason === "time" ? isNumber(stop.limitSeconds) : isNumber(stop?.limitBytes);
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length <= LONGEST_NAME;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
