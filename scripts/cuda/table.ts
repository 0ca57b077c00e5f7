/** docs/benchmarks/cuda.md: what the compiler says of each kernel, and what the model makes of it. */
import { GPUS, type Gpu } from "./gpus.ts";
import { compareWithModel, type MeasuredKernels } from "./measured.ts";
import { type Launch, modelLaunch } from "./model.ts";
import type { Resources } from "./resources.ts";
import { CACHED, LAUNCHES, LAYER } from "./workload.ts";

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const micros = (seconds: number): string => {
  const value = seconds * 1e6;
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
};

function cellsOf(gpu: Gpu, launch: Launch, resources: Resources): string {
  const used = resources[gpu.target]?.[launch.kernel];
  if (used === undefined)
    throw new Error(`${launch.kernel} is not in the compiler's report for ${gpu.target}.`);
  const { occupancy, seconds, roofShare, bound } = modelLaunch(gpu, launch, used);
  return `${percent(occupancy)} | ${micros(seconds)} | ${percent(roofShare)} | ${bound}`;
}

function modelSection(gpu: Gpu, resources: Resources): string {
  const rows = Object.entries(LAUNCHES).flatMap(([part, launches]) => [
    `| **${part}** | | | | |`,
    ...launches.map((launch) => `| ${launch.label} | ${cellsOf(gpu, launch, resources)} |`),
  ]);
  return `### ${gpu.name}

| launch | occupancy | us | of the roof | bound by |
| --- | ---: | ---: | ---: | --- |
${rows.join("\n")}
`;
}

function measuredSection(measured: MeasuredKernels, resources: Resources): string {
  const rows = compareWithModel(measured, resources).map(({ label, measuredSeconds, modelledSeconds }) => {
    const cells =
      modelledSeconds === null
        ? ["", ""]
        : [micros(modelledSeconds), percent(modelledSeconds / measuredSeconds)];
    return `| ${[label, micros(measuredSeconds), ...cells].join(" | ")} |`;
  });
  return `### ${measured.gpu}

| launch | us, measured | us, modelled | modelled of measured |
| --- | ---: | ---: | ---: |
${rows.join("\n")}
`;
}

function resourceSection(resources: Resources): string {
  const targets = Object.keys(resources);
  const kernels = Object.keys(Object.values(resources)[0] ?? {}).sort();
  const rows = kernels.map((kernel) => {
    const all = targets.map((target) => resources[target]?.[kernel]);
    const spills = Math.max(...all.map((used) => used?.spillBytes ?? 0));
    const shared = Math.max(...all.map((used) => used?.sharedBytes ?? 0));
    const registers = all.map((used) => used?.registers ?? "-");
    return `| \`${kernel}\` | ${registers.join(" | ")} | ${spills} | ${shared} |`;
  });
  return `| kernel | ${targets.join(" | ")} | spills, bytes | shared, bytes |
| --- | ${targets.map(() => "---:").join(" | ")} | ---: | ---: |
${rows.join("\n")}
`;
}

export function writeTable(resources: Resources, measured: MeasuredKernels): string {
  const { d, H, K, V, F, vocab } = LAYER;
  return `# CUDA kernels: model and measurement

Written by \`node scripts/cuda.ts --update\` from the compiler's report in [cuda.json](cuda.json) and by
\`./dev bench:gpu\` from what it measured ([gpu.json](gpu.json)). [The CUDA page](../cuda.md) says what the figures show.

## Measured

Each launch by itself between two events, the median of 21, on zeros: that includes some 5 us of launching, and what a launch
reads is in the second-level cache from the one before, as far as it fits.

${measuredSection(measured, resources)}
## What the model makes of them

One layer with d = ${d}, H = ${H}, K = ${K}, V = ${V}, F = ${F}, a vocabulary of ${vocab.toLocaleString("en")}, and ${CACHED.toLocaleString("en")} tokens in the cache of 8
attending heads. Every resource is taken to work at its published rate (\`scripts/cuda/gpus.ts\`), memory as far as enough
bytes are in flight, and the scarcest rules; there are no stalls and no launch overhead, so these are upper bounds. "Of the
roof" is the time at the published bandwidth or tensor rate, whichever is longer, over the modelled time.

${GPUS.map((gpu) => modelSection(gpu, resources)).join("\n")}
## What the compiler makes of them

Registers a thread by target; spills and shared memory are the most of any target.

${resourceSection(resources)}`;
}
