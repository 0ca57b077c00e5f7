/** docs/benchmarks/README.md from the JSON beside it, so that a figure in words is always one that was measured. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchmarkRun, Machine } from "../../protocol/benchmark.ts";
import { bytes, count } from "../../protocol/words.ts";
import { benchmarkTables, table } from "../../server/measure/markdown.ts";
import type { EngineResults } from "./engine.ts";
import type { GpuResults } from "./gpu.ts";
import type { JoiningResults } from "./joining.ts";
import type { LlamaResults } from "./llama.ts";
import { type LongRangeResults, longRangeTables } from "./longRangeReport.ts";
import type { PeerResults } from "./peers.ts";

interface Recorded<Results> {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: Machine;
  readonly results: Results;
}

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly most: number;
}

interface Typing {
  readonly tokensRead: number;
  readonly hybridRatio: number;
  readonly keystrokes: number;
  readonly keystrokeToAnswerMs: Percentiles;
  readonly decodedKeystrokeToAnswerMs: Percentiles;
  readonly tokensAdvanced: Percentiles;
  readonly jumpToAnswerMs: Percentiles;
  readonly jumpAndRestToAnswerMs: Percentiles;
}

interface Memory {
  readonly device: string;
  readonly tokensRead: number;
  readonly stateBytes: number;
  readonly kvBytes: number;
}

interface LatencyResults {
  readonly memory: readonly Memory[];
  readonly default: Typing;
  readonly allState: Typing;
}

export function writeReport(folder: string): void {
  const read = <Results>(name: string): Recorded<Results> | undefined => {
    const path = join(folder, `${name}.json`);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  };
  const sections = [
    "# Benchmarks\n\nWritten by `./dev bench` from the JSON beside this file; each has its command, commit and machine.",
    section("A keystroke over LSP", read<LatencyResults>("latency"), latency),
    section("The syntax around the cursor", read<readonly JoiningResults[]>("joining"), joining),
    section("State against attention", read<BenchmarkRun>("attention"), attention),
    section("Attention beside llama.cpp's", read<LlamaResults>("llama"), llama),
    section("Beside llama.cpp on the same files", read<PeerResults>("peers"), peers),
    section("The engine by itself", read<EngineResults>("engine"), engine),
    section("The engine on a GPU", read<GpuResults>("gpu"), gpu),
    section("Long sequences", read<LongRangeResults>("longrange"), longRangeTables),
    section("Beside a busy process", read<readonly string[]>("contention"), verbatim),
    section("Kernels", read<readonly string[]>("kernels"), verbatim),
  ];
  writeFileSync(join(folder, "README.md"), `${sections.filter(Boolean).join("\n\n")}\n`);
}

function section<Results>(
  title: string,
  recorded: Recorded<Results> | undefined,
  body: (results: Results) => string,
): string {
  if (recorded === undefined) return "";
  const { command, commit, date, machine, results } = recorded;
  const origin =
    `\`${command}\`, ${date}, commit ${commit}, ${machine.cpu} (${machine.logicalCores} cores, ` +
    `${machine.memoryGiB} GiB), ${machine.system}, Node ${machine.node}, load before ${machine.loadBefore ?? "unknown"}`;
  return `## ${title}\n\n${origin}\n\n${body(results)}`;
}

function joining(results: readonly JoiningResults[]): string {
  return [
    "What looking at the syntax adds to an answer: the tree is told the keystroke, and once the model wrote (the skeleton is made " +
      "meanwhile) the true rest of a line is joined with " +
      "the closers that an editor puts behind the cursor, or with nothing. Milliseconds, p50 / p95.",
    table(
      ["document", "lines", "places", "closers to the right", "nothing to the right"],
      results.map(({ language, lines, places, closersMs, nothingMs }) => [
        language,
        count(lines),
        String(places),
        ...[closersMs, nothingMs].map(({ p50, p95 }) => `${p50.toFixed(2)} / ${p95.toFixed(2)}`),
      ]),
    ),
  ].join("\n\n");
}

function attention(run: BenchmarkRun): string {
  return `${benchmarkTables(run)}\n\n[What these figures say](state-against-attention.md), and what they cannot.`;
}

function llama({ llamaCppPython, rows }: LlamaResults): string {
  const speed = (tokens: number, ms: number): string => count((1000 * tokens) / ms);
  return [
    "State is measured against attention of our own, so that one must not be slow. Here both read the same number of tokens " +
      "from nothing, in turn in one run, with 6 layers, width 256, 8 heads that attend to everything, feed-forward 640 and " +
      `4,096 token ids: llama.cpp (llama-cpp-python ${llamaCppPython}) a Llama of random weights with flash attention, in ` +
      "batches of 512; ours the embedded weights with no decay, so that no key is passed over. Heads " +
      "have 64 dimensions for keys and 32 for values in ours, 48 for each in llama.cpp's, which wants them equal: as many " +
      "products and numbers kept a pair of tokens. One thread and the processor's time, since what else runs counts little " +
      "in it; medians.",
    table(
      ["weights, ours / theirs", "tokens", "ours, tokens/s", "llama.cpp's, tokens/s", "ours / theirs"],
      rows.map(({ ours, theirs, tokens, oursMs, theirsMs }) => [
        `${ours} / ${theirs}`,
        count(tokens),
        speed(tokens, oursMs),
        speed(tokens, theirsMs),
        `${(theirsMs / oursMs).toFixed(2)}×`,
      ]),
    ),
  ].join("\n\n");
}

function peers({ nodeLlamaCpp, llamaCpp, isBusy, notLoaded, rows }: PeerResults): string {
  const cell = (ms: number | null): string => (ms === null ? "" : ms.toFixed(1));
  return [
    "Milliseconds to the next token, medians, and the median of the rounds' ratios; both engines read and write the same tokens " +
      "in turn in one run. What is as before of a context is not read again: this engine has the server's cache of states, " +
      `llama.cpp ${llamaCpp} (node-llama-cpp ${nodeLlamaCpp}) its cache, and checkpoints every 512 tokens and at each context's ` +
      "end where its memory cannot be rolled back. Keystrokes are in 1,024 tokens, after a completion of 16 was written." +
      (isBusy ? " One other process spins beside them." : " One thread's milliseconds are the processor's."),
    notLoaded.join("\n"),
    table(
      ["file", "threads", "what", "ours, ms", "llama.cpp, ms", "times faster"],
      rows.map(({ file, threads, case: what, oursMs, theirsMs, ratio }) => [
        ...[file, String(threads), what, cell(oursMs), cell(theirsMs)],
        ratio === null ? "" : `${ratio.toFixed(2)}×`,
      ]),
    ),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function latency({ memory, default: byDefault, allState }: LatencyResults): string {
  const row = (typing: Typing): string[] => [
    String(typing.hybridRatio),
    count(typing.tokensRead),
    String(typing.keystrokes),
    spread(typing.keystrokeToAnswerMs),
    spread(typing.decodedKeystrokeToAnswerMs),
    spread(typing.tokensAdvanced),
    spread(typing.jumpToAnswerMs),
    spread(typing.jumpAndRestToAnswerMs),
  ];
  return [
    table(
      [
        "hybrid ratio",
        "repository tokens",
        "keystrokes",
        "ms, all",
        "ms, those that decode",
        "tokens advanced",
        "ms after a jump",
        "ms after a jump and a rest",
      ],
      [row(byDefault), row(allState)],
    ),
    `Each cell is median / 95th percentile / most. A keystroke typed along shown text decodes nothing; after a jump to another place of a file, the first one waits for some 1,000 tokens, unless the cursor rested there for half a second. Engine: ${memory[0]?.device}.`,
    table(
      ["repository tokens", "state", "attention cache (ratio 1)"],
      memory.map((one) => [count(one.tokensRead), bytes(one.stateBytes), bytes(one.kvBytes)]),
    ),
  ].join("\n\n");
}

function engine(results: EngineResults): string {
  const [first] = results;
  if (first === undefined) return "";
  const { parameters, quantization } = first.model;
  const ratios = results.flatMap(({ threads, byRatio }) =>
    byRatio.map((row) => [String(threads), ...speedCells(row), bytes(row.stateBytes), bytes(row.kvBytes)]),
  );
  const busy = results.map(({ threads, besideBusyProcess: { quiet, busy, ratio } }) => [
    String(threads),
    count(quiet),
    count(busy),
    ratio.toFixed(2),
  ]);
  return [
    `${(parameters / 1e6).toFixed(1)} M parameters, ${quantization}, ${first.cpuLevel}. Context 4096 tokens, window 2048.`,
    table(["threads", ...SPEED_HEADS, "state", "attention cache"], ratios),
    "A keystroke is two tokens advanced and one decoded: median / 95th percentile / most of 100.",
    "Decoding at ratio 0.75 while one other process spins:",
    table(["threads", "alone tokens/s", "beside it tokens/s", "ratio"], busy),
  ].join("\n\n");
}

const SPEED_HEADS = ["hybrid ratio", "read tokens/s", "decode tokens/s", "keystroke ms"];

function speedCells(row: EngineResults[number]["byRatio"][number]): string[] {
  return [
    String(row.hybridRatio),
    count(row.readTokensPerSecond),
    count(row.decodeTokensPerSecond),
    spread({ ...row.keystrokeMs, most: row.keystrokeMs.max }),
  ];
}

function gpu({ engine }: GpuResults): string {
  const devices = [engine.cpu, engine.gpu].map(({ device, threads, byRatio }) => ({
    name: device === "cpu" ? `processor, ${threads} threads` : device,
    byRatio,
  }));
  return [
    "The embedded model on the GPU and on the processor beside it, as above. Its kernels are small for such a GPU; " +
      "[CUDA kernels](cuda.md) has those of a larger layer.",
    table(
      ["device", ...SPEED_HEADS],
      devices.flatMap(({ name, byRatio }) => byRatio.map((row) => [name, ...speedCells(row)])),
    ),
  ].join("\n\n");
}

function verbatim(lines: readonly string[]): string {
  return `\`\`\`\n${lines.join("\n")}\n\`\`\``;
}

function spread({ p50, p95, most }: Percentiles): string {
  return [p50, p95, most]
    .map((value) => (value < 10 ? value.toFixed(1) : String(Math.round(value))))
    .join(" / ");
}
