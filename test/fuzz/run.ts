/**
 * Feeds mutated inputs to every reader of foreign bytes and prints a table: those in C++ by libFuzzer with sanitizers, those in
 * TypeScript by mutations of our own. What it found new stays in .cache/fuzz, an input that a reader does not bear is printed.
 * Usage: node test/fuzz/run.ts [executions each] [reader ...]
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { randomSource } from "../../scripts/eval/random.ts";
import { CORPUS, fuzz, TARGETS, type TargetName } from "./targets.ts";

// The byte pair encoder warns of each pattern that it does not know.
console.warn = () => undefined;

const EXECUTIONS = 1_000_000;
/** Larger than each seed, so that inputs can grow. */
const NATIVE = { safetensors: 4096, gguf: 4096, index: 4096, config: 4096, state: 80_000 } as const;
const SLOWEST_INPUT_SECONDS = 20;

const root = join(import.meta.dirname, "../..");
const [count = String(EXECUTIONS), ...wanted] = process.argv.slice(2);
const executions = Number(count);
const readers = [...Object.keys(NATIVE), ...Object.keys(TARGETS)];
const unknown = wanted.find((name) => !readers.includes(name));
if (!Number.isSafeInteger(executions) || executions < 1 || unknown !== undefined) {
  process.stderr.write(`Give a number of executions and any of these readers: ${readers.join(" ")}.\n`);
  process.exit(2);
}
const seed = Math.floor(Math.random() * 2 ** 31);
process.stdout.write(`seed ${seed}\n${row("reader", "executions", "time", "result")}\n`);
for (const name of readers.filter((reader) => wanted.length === 0 || wanted.includes(reader))) {
  const startedMs = performance.now();
  const fault = name in NATIVE ? native(name as keyof typeof NATIVE) : typescript(name as TargetName);
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(
    `${row(name, String(executions), `${seconds.toFixed(0)} s`, fault ? "FAILED" : "ok")}\n`,
  );
  if (!fault) continue;
  process.stderr.write(`${fault}\n`);
  process.exitCode = 1;
}

/** What went wrong, if anything did. */
function native(name: keyof typeof NATIVE): string | undefined {
  const found = join(root, ".cache/fuzz", name);
  mkdirSync(found, { recursive: true });
  const options = {
    runs: executions,
    seed,
    max_len: NATIVE[name],
    timeout: SLOWEST_INPUT_SECONDS,
    artifact_prefix: `${found}-`,
  };
  const { status, stderr } = spawnSync(
    join(root, "native/build-fuzz", `fuzz_${name}`),
    [...Object.entries(options).map(([key, value]) => `-${key}=${value}`), found, join(CORPUS, name)],
    { cwd: join(root, "native"), encoding: "utf8", maxBuffer: 2 ** 30 },
  );
  return status === 0 ? undefined : stderr.slice(-4000);
}

function typescript(name: TargetName): string | undefined {
  try {
    fuzz(name, executions, randomSource(seed));
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}

function row(...[reader = "", runs = "", time = "", result = ""]: string[]): string {
  return `${reader.padEnd(12)} ${runs.padStart(10)} ${time.padStart(8)}  ${result}`;
}
