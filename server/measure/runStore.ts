/** Runs of the benchmark on disk, as JSON and as a page, so that they can be compared. A damaged one counts as absent. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type BenchmarkRun, MOST_RUN_BYTES } from "../../protocol/benchmark.ts";
import { type Log, reasonOf } from "../log.ts";
import { StateFolder } from "../repository/stateFolder.ts";
import { benchmarkPage } from "./markdown.ts";
import { isRun } from "./runShape.ts";

/** The oldest go first. */
const MOST_RUNS = 20;
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
    const pagePath = await this.#write(run);
    for (const old of (await this.#names()).slice(MOST_RUNS)) {
      await rm(join(this.#directory, old), { force: true });
      await rm(join(this.#directory, old.replace(/json$/, "md")), { force: true });
    }
    return pagePath;
  }

  /** Takes in a run that was measured elsewhere; an error is one sentence. None makes room for it. */
  async add(text: string): Promise<BenchmarkRun> {
    const run = runIn(text);
    const same = (await this.list()).find(({ date }) => nameOf(date) === nameOf(run.date));
    if (same && JSON.stringify(same) !== JSON.stringify(run))
      throw new Error(`Another benchmark of ${run.date} is here already; the file was not added.`);
    await this.#write(run);
    return run;
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
      if ((await stat(path)).size > MOST_RUN_BYTES) throw new Error("it is too large");
      const run: unknown = JSON.parse(await readFile(path, "utf8"));
      if (!isRun(run)) throw new Error("it is not a benchmark of this version");
      return run;
    } catch (cause) {
      this.#log.warn(`The saved benchmark ${path} is not used: ${reasonOf(cause)}.`);
      return undefined;
    }
  }

  async #write(run: BenchmarkRun): Promise<string> {
    const name = nameOf(run.date);
    const folder = new StateFolder(this.#directory);
    await folder.prepare();
    await folder.write(`${name}.json`, `${JSON.stringify(run, null, 1)}\n`);
    await folder.write(`${name}.md`, `${benchmarkPage(run)}\n`);
    return join(this.#directory, `${name}.md`);
  }
}

function nameOf(date: string): string {
  return `benchmark-${date.slice(0, 19).replaceAll(":", "-")}Z`;
}

/** A run by itself, or as `./dev bench` records one with its command. */
function runIn(text: string): BenchmarkRun {
  const sentence = "The file holds no benchmark of this version; take one that the dashboard saved as JSON.";
  if (Buffer.byteLength(text) > MOST_RUN_BYTES) throw new Error(sentence);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(sentence, { cause });
  }
  if (isRun(value)) return value;
  const recorded = (value as { readonly results?: unknown } | null)?.results;
  if (isRun(recorded)) return recorded;
  throw new Error(sentence);
}
