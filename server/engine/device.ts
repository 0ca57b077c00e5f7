/** Which device a model runs on: the one that is wanted, or the processor where that one cannot be used. */
import type { Settings } from "../../protocol/settings.ts";
import { threadCount } from "../../protocol/words.ts";
import { DeviceError, type Engine, type LoadOptions, type Model, type ModelInfo } from "./engine.ts";

/** A processor reads all weights for each token that it writes: in 8 bits, a fourth or a half of them. */
const ON_PROCESSOR = { rounding: "int8" } as const;

export interface DeviceChoice extends Omit<LoadOptions, "device" | "rounding"> {
  readonly setting: Settings["device"];
  /** A GPU was not used: `asked` if the setting names it, else the choice was ours. */
  readonly onUnusable: (error: DeviceError, asked: boolean) => void;
}

/** "auto" is the first GPU, if it can be used. Rejects only with what the processor cannot do either. */
export async function loadOnDevice(engine: Engine, modelPath: string, choice: DeviceChoice): Promise<Model> {
  const { setting, onUnusable, packedFolder, ...options } = choice;
  const onProcessor = { ...options, ...ON_PROCESSOR, packedFolder };
  if (setting === "cpu") return await engine.loadModel(modelPath, onProcessor);
  try {
    return await engine.loadModel(modelPath, { ...options, device: setting === "auto" ? "cuda:0" : setting });
  } catch (cause) {
    if (!(cause instanceof DeviceError)) throw cause;
    onUnusable(cause, setting !== "auto");
    return await engine.loadModel(modelPath, onProcessor);
  }
}

/** For a person, e.g. "cpu (avx512vnni, 2 threads)" or "cuda:0 (NVIDIA A100)". */
export function describeDevice({ device, cpuLevel, threads }: ModelInfo): string {
  return device === "cpu" ? `cpu (${cpuLevel}, ${threadCount(threads)})` : device;
}
