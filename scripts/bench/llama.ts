/** Attention of this engine and of llama.cpp on the same shapes, in turn in one run: reading speed by length. Prints JSON. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Model } from "../../server/engine/engine.ts";
import { loadNativeEngine } from "../../server/engine/native.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { median } from "../../server/measure/statistics.ts";
import { EVALUATION_CACHE, evaluationScript, runPython } from "../eval/python.ts";
import { randomTokens } from "./measure.ts";

/** With one thread the processor's time is the work that was done, whatever else runs on the machine. */
const THREADS = 1;
/** Fewer rounds of what takes long. */
const LENGTHS = [
  { tokens: 1024, rounds: 7 },
  { tokens: 4096, rounds: 5 },
  { tokens: 16_384, rounds: 3 },
] as const;
const PAIRS = [
  { ours: "f32", theirs: "f32" },
  { ours: "bf16", theirs: "f16" },
  { ours: "int8", theirs: "q8_0" },
] as const;

export interface LlamaRow {
  /** Of the weights: ours and llama.cpp's; its cache is f32 beside f32 weights, else f16, ours is always f32. */
  readonly ours: string;
  readonly theirs: string;
  readonly tokens: number;
  /** Medians over the rounds, of processor time. */
  readonly oursMs: number;
  readonly theirsMs: number;
  readonly all: { readonly oursMs: readonly number[]; readonly theirsMs: readonly number[] };
}

export interface LlamaResults {
  readonly llamaCppPython: string;
  readonly threads: number;
  readonly rows: readonly LlamaRow[];
}

/** The Python process that holds llama.cpp's models; one question at a time. */
class Llama {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(folder: string) {
    const [python, script] = evaluationScript("evaluate", "llama_attention.py");
    const config = join(EMBEDDED_MODEL_PATH, "config.json");
    this.#process = spawn(python, [script, folder, config, String(THREADS)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("llama.cpp's process ended; its last words are above.");
    return value;
  }

  async read(weights: string, tokens: number): Promise<number> {
    this.#process.stdin.write(`${weights} ${tokens}\n`);
    return Number(await this.line());
  }

  end(): void {
    this.#process.stdin.end();
  }
}

/** Milliseconds of processor time from nothing to all tokens read, every head attending to everything. */
async function readOurs(model: Model, tokens: Int32Array): Promise<number> {
  const start = model.initialState(0, 0);
  const begun = process.cpuUsage();
  const [state] = await model.advance(start, tokens, { priority: "background" });
  const { user, system } = process.cpuUsage(begun);
  state?.dispose();
  start.dispose();
  return (user + system) / 1000;
}

async function measure(): Promise<LlamaResults> {
  const folder = join(EVALUATION_CACHE, "llama");
  mkdirSync(folder, { recursive: true });
  runPython("venv", "attention_files.py", [folder]);
  const engine = loadNativeEngine(ADDON_PATH);
  const llama = new Llama(folder);
  const llamaCppPython = await llama.line();
  const rows: LlamaRow[] = [];
  for (const { ours, theirs } of PAIRS) {
    const model = await engine.loadModel(join(folder, ours), { threads: THREADS });
    for (const { tokens, rounds } of LENGTHS) {
      const all = { oursMs: [] as number[], theirsMs: [] as number[] };
      const text = randomTokens(tokens, model.info.vocabSize);
      for (let round = 0; round < rounds; round++) {
        all.oursMs.push(await readOurs(model, text));
        all.theirsMs.push(await llama.read(theirs, tokens));
      }
      const row = {
        ...{ ours, theirs, tokens, oursMs: median(all.oursMs), theirsMs: median(all.theirsMs) },
        all,
      };
      console.error(
        `${ours} ${tokens}: ours ${row.oursMs.toFixed(0)} ms, llama.cpp's ${row.theirsMs.toFixed(0)} ms`,
      );
      rows.push(row);
    }
    model.dispose();
  }
  llama.end();
  return { llamaCppPython, threads: THREADS, rows };
}

if (import.meta.main) console.log(JSON.stringify(await measure()));
