/** Long Range Arena on this machine: each bundled classifier's accuracy on its test set, and its time by length. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  LONG_RANGE_LENGTHS,
  type LongRangeModel,
  type LongRangePoint,
  type LongRangeRow,
  type LongRangeRun,
} from "../../protocol/longRange.ts";
import { LongRangeClassifier } from "../engine/longRange.ts";
import { describeMachine } from "./machine.ts";
import { median, proportion } from "./statistics.ts";
import { readTestSet, type TestSequence } from "./testSet.ts";

const MODELS: readonly LongRangeModel[] = ["ssm", "hybrid", "attention"];
/** The longest length takes attention seconds: it is timed once, the others this often. */
const ROUNDS = 3;

export interface LongRangeOptions {
  readonly addonPath: string;
  /** Holds TASK/test.json and TASK-MODEL/config.json. */
  readonly weightsPath: string;
  readonly threads: number;
  /** Ascending; LONG_RANGE_LENGTHS when absent. */
  readonly lengths?: readonly number[];
  readonly signal: AbortSignal;
  readonly onRow: (row: LongRangeRow) => void;
  /** Share of the work that is done, 0 to 1; and what is being measured. */
  readonly onProgress: (share: number, message: string) => void;
}

/** Rejects with one sentence when there is nothing to run, and with Cancelled when the signal aborts. */
export async function runLongRange(options: LongRangeOptions): Promise<LongRangeRun> {
  const tasks = findTasks(options.weightsPath);
  if (tasks.length === 0)
    throw new Error(`There are no classifiers in ${options.weightsPath}; install the package again.`);
  const machine = describeMachine();
  const date = new Date().toISOString();
  const begunMs = performance.now();
  const rows: LongRangeRow[] = [];
  let cpuLevel = "";
  for (const [index, task] of tasks.entries()) {
    const measured = await measureTask(task, options, (share, message) =>
      options.onProgress((index + share) / tasks.length, message),
    );
    rows.push(...measured.rows);
    cpuLevel = measured.cpuLevel;
  }
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  return { version: 1, date, seconds, machine, cpuLevel, threads: options.threads, rows };
}

interface Task {
  readonly name: string;
  readonly testPath: string;
  readonly models: readonly { readonly model: LongRangeModel; readonly path: string }[];
}

/** Those with a test set and at least one classifier. */
function findTasks(weightsPath: string): Task[] {
  if (!existsSync(weightsPath)) return [];
  return readdirSync(weightsPath)
    .filter((name) => existsSync(join(weightsPath, name, "test.json")))
    .sort()
    .map((name) => ({
      name,
      testPath: join(weightsPath, name),
      models: MODELS.map((model) => ({ model, path: join(weightsPath, `${name}-${model}`) })).filter(
        ({ path }) => existsSync(join(path, "config.json")),
      ),
    }))
    .filter(({ models }) => models.length > 0);
}

interface Contestant {
  readonly model: LongRangeModel;
  readonly classifier: LongRangeClassifier;
}

async function measureTask(
  task: Task,
  options: LongRangeOptions,
  onProgress: (share: number, message: string) => void,
): Promise<{ rows: LongRangeRow[]; cpuLevel: string }> {
  const { addonPath, threads } = options;
  const sequences = await readTestSet(task.testPath);
  const contestants: Contestant[] = [];
  try {
    for (const { model, path } of task.models)
      contestants.push({ model, classifier: await LongRangeClassifier.load(addonPath, path, { threads }) });
    onProgress(0, `${task.name}, time by length`);
    const points = await timeLengths(contestants, sequences, options);
    const rows: LongRangeRow[] = [];
    for (const [index, contestant] of contestants.entries()) {
      onProgress((index + 1) / (contestants.length + 1), `${task.name}, accuracy of ${contestant.model}`);
      const row = await rowOf(task.name, contestant, sequences, points.get(contestant) ?? [], options);
      options.onRow(row);
      rows.push(row);
    }
    return { rows, cpuLevel: contestants[0]?.classifier.info.cpuLevel ?? "" };
  } finally {
    for (const { classifier } of contestants) classifier.dispose();
  }
}

/** Length by length, model by model: what slows the machine down for a while slows all models down. */
async function timeLengths(
  contestants: readonly Contestant[],
  sequences: readonly TestSequence[],
  { lengths = LONG_RANGE_LENGTHS, signal }: LongRangeOptions,
): Promise<Map<Contestant, LongRangePoint[]>> {
  const points = new Map<Contestant, LongRangePoint[]>(contestants.map((one) => [one, []]));
  for (const tokens of lengths) {
    const bytes = bytesOfLength(sequences, tokens);
    const times = new Map<Contestant, number[]>(contestants.map((one) => [one, []]));
    const memory = new Map<Contestant, number>();
    const rounds = tokens === lengths.at(-1) ? 1 : ROUNDS;
    for (let round = 0; round < rounds; round++) {
      for (const one of contestants) {
        const begin = performance.now();
        const { memoryBytes } = await one.classifier.classify(bytes, signal);
        times.get(one)?.push(performance.now() - begin);
        memory.set(one, memoryBytes);
      }
    }
    for (const one of contestants) {
      const medianMs = median(times.get(one) ?? []);
      points.get(one)?.push({ tokens, medianMs, memoryBytes: memory.get(one) ?? 0 });
    }
  }
  return points;
}

/** The test sequences one after another, from the first again if they end too soon. */
function bytesOfLength(sequences: readonly TestSequence[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, i = 0; at < length && sequences.length > 0; i++) {
    const piece = sequences[i % sequences.length]?.bytes.subarray(0, length - at) ?? new Uint8Array();
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function rowOf(
  task: string,
  { model, classifier }: Contestant,
  sequences: readonly TestSequence[],
  points: readonly LongRangePoint[],
  { signal }: LongRangeOptions,
): Promise<LongRangeRow> {
  const { info } = classifier;
  const begunMs = performance.now();
  let correct = 0;
  for (const { bytes, label } of sequences) {
    const { logits } = await classifier.classify(bytes, signal);
    if (logits.indexOf(Math.max(...logits)) === label) correct++;
  }
  const seconds = (performance.now() - begunMs) / 1000;
  const testTokens = sequences.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return {
    task,
    model,
    ssmRatio: info.ssmRatio,
    family: info.family,
    parameters: info.parameters,
    classes: info.classNames.length,
    testSequences: sequences.length,
    correct,
    accuracy: proportion(correct, sequences.length),
    testTokens,
    longestTokens: Math.max(...sequences.map(({ bytes }) => bytes.length)),
    testTokensPerSecond: testTokens / seconds,
    points,
  };
}
