/** Times of kernels on a real GPU beside those of the model. */
import { GPUS, type Gpu } from "./gpus.ts";
import { modelLaunch } from "./model.ts";
import type { Resources } from "./resources.ts";
import { LAUNCHES } from "./workload.ts";

/** What native/test/cuda/gpu/gpu_bench.cc prints. */
export interface MeasuredKernels {
  readonly gpu: string;
  /** By the launch's label; one that makes several launches ("SSD") by what their labels begin with. */
  readonly seconds: Readonly<Record<string, number>>;
}

export interface ComparedKernel {
  readonly label: string;
  readonly measuredSeconds: number;
  /** null where the model does not know the GPU. */
  readonly modelledSeconds: number | null;
}

/** "NVIDIA A100-SXM4-80GB" is an A100 80 GB SXM: the word with the number counts. */
export function modelOfGpu(name: string): Gpu | undefined {
  return GPUS.find((gpu) => name.split(/[ -]/).includes(gpu.name.match(/[A-Z]?\d{3,4}/)?.[0] ?? gpu.name));
}

export function compareWithModel({ gpu, seconds }: MeasuredKernels, resources: Resources): ComparedKernel[] {
  const known = modelOfGpu(gpu);
  return Object.entries(seconds).map(([label, measuredSeconds]) => ({
    label,
    measuredSeconds,
    modelledSeconds: known ? modelledSeconds(known, label, resources) : null,
  }));
}

function modelledSeconds(gpu: Gpu, label: string, resources: Resources): number {
  const launches = Object.values(LAUNCHES)
    .flat()
    .filter((launch) => launch.label === label || launch.label.startsWith(`${label}, `));
  if (launches.length === 0) throw new Error(`No launch of the model is called "${label}".`);
  return launches.reduce((sum, launch) => {
    const used = resources[gpu.target]?.[launch.kernel];
    if (used === undefined) throw new Error(`${launch.kernel} is not in the compiler's report.`);
    return sum + modelLaunch(gpu, launch, used).seconds;
  }, 0);
}
