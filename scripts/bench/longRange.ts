/** The long-range bench, and beside it PyTorch's attention of the same shapes, on one thread. Prints JSON. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { LongRangeResults } from "./longRangeReport.ts";

const PYTHON = ".cache/venv/bin/python";
/** As native/test/longrange/classifier.h has it. */
const HEADS = 4;

const native: Omit<LongRangeResults, "pytorch"> = JSON.parse(run("native/build/longrange_bench", ["1"]));
process.stdout.write(`${JSON.stringify({ ...native, pytorch: pytorchAttention() })}\n`);

/** null where the Python environment is not installed: it is that of ./dev test --model. */
function pytorchAttention(): LongRangeResults["pytorch"] {
  if (!existsSync(PYTHON)) return null;
  const shape = [
    native.layers,
    HEADS,
    native.attentionHidden / HEADS,
    ...native.contenders.map(({ tokens }) => tokens),
  ];
  return JSON.parse(run(PYTHON, ["model/experiments/attention_speed.py", ...shape.map(String)]));
}

function run(command: string, args: readonly string[]): string {
  const { stdout, status } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${command} failed with ${status}.`);
  return stdout;
}
