/** Runs the benches one after another and writes docs/benchmarks/NAME.json: figures, machine, commit, command. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "../server/measure/machine.ts";
import { describeCommit } from "./bench/commit.ts";
import { writeReport } from "./bench/report.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Bench {
  readonly command: string;
  readonly args: readonly string[];
  /** From the program's standard output to the figures. */
  readonly read: (output: string) => unknown;
  /** Needs more than a build: never run unless it is named. */
  readonly isOnDemand?: boolean;
  /** What follows its name on the command line is its own. */
  readonly takesArguments?: boolean;
}

const json = (output: string): unknown => JSON.parse(output.slice(output.search(/^[[{]/m)));
const lines = (output: string): unknown => output.trimEnd().split("\n");

const BENCHES: Readonly<Record<string, Bench>> = {
  attention: { command: process.execPath, args: ["scripts/bench/attention.ts"], read: json },
  engine: { command: process.execPath, args: ["scripts/bench/engine.ts"], read: json },
  drafts: { command: process.execPath, args: ["scripts/bench/drafts.ts"], read: json },
  latency: { command: process.execPath, args: ["test/integration/latency.bench.ts"], read: json },
  joining: { command: process.execPath, args: ["scripts/bench/joining.ts"], read: json },
  gpu: { command: process.execPath, args: ["scripts/bench/gpu.ts"], read: json, isOnDemand: true },
  llama: { command: process.execPath, args: ["scripts/bench/llama.ts"], read: json, isOnDemand: true },
  peers: {
    command: process.execPath,
    args: ["scripts/bench/peers.ts"],
    read: json,
    isOnDemand: true,
    takesArguments: true,
  },
  remote: {
    command: process.execPath,
    args: ["scripts/bench/remote.ts"],
    read: json,
    isOnDemand: true,
    takesArguments: true,
  },
  longrange: { command: process.execPath, args: ["scripts/bench/longRange.ts"], read: json },
  kernels: { command: "native/build/kernel_bench", args: ["1"], read: lines },
  contention: { command: "native/build/contention_bench", args: ["2"], read: lines },
};

function run(name: string, bench: Bench, own: readonly string[]): boolean {
  const machine = describeMachine();
  const begin = performance.now();
  const { stdout, status } = spawnSync(bench.command, [...bench.args, ...own], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 64 << 20,
  });
  if (status !== 0) {
    console.error(`${name}: failed with ${status}\n${stdout ?? ""}`);
    return false;
  }
  const folder = join(root, "docs", "benchmarks");
  mkdirSync(folder, { recursive: true });
  const record = {
    command: name === "gpu" ? "./dev bench:gpu" : ["./dev bench", name, ...own].join(" "),
    commit: describeCommit(root),
    date: new Date().toISOString().slice(0, 10),
    machine,
    seconds: Math.round((performance.now() - begin) / 1000),
    results: bench.read(stdout),
  };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record, null, 1)}\n`);
  console.log(`${name}: docs/benchmarks/${name}.json`);
  return true;
}

const usual = Object.entries(BENCHES).flatMap(([name, { isOnDemand }]) => (isOnDemand ? [] : [name]));
const asked = process.argv.slice(2);
const takesArguments = BENCHES[asked[0] ?? ""]?.takesArguments === true;
const own = takesArguments ? asked.slice(1) : [];
const names = asked.length === 0 ? usual : takesArguments ? asked.slice(0, 1) : asked;
for (const name of names) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(`No bench is called ${name}; there are ${Object.keys(BENCHES).join(", ")}.`);
    process.exitCode = 2;
  } else if (!existsSync(join(root, bench.args[0] ?? "")) && bench.command === process.execPath) {
    console.error(`${name}: ${bench.args[0]} is not there.`);
    process.exitCode = 1;
  } else if (!run(name, bench, own)) {
    process.exitCode = 1;
  }
}
writeReport(join(root, "docs", "benchmarks"));
