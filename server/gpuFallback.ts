/** The model on the GPU as long as that works: where it fails the processor takes over, until the person sets a device anew. */
import type { Settings } from "../protocol/settings.ts";
import { loadOnDevice } from "./engine/device.ts";
import type { DeviceError, Engine, LoadOptions, Model } from "./engine/engine.ts";
import { chooseThreads } from "./engine/threads.ts";
import type { Log } from "./log.ts";

export interface GpuFallbackOptions {
  readonly log: Log;
  /** As in LoadOptions. */
  readonly packedFolder: LoadOptions["packedFolder"];
  /** One sentence that the person should see though work goes on. */
  readonly onProblem?: ((sentence: string) => void) | undefined;
  /** The GPU failed while the model served: it must be loaded again, now on the processor. */
  readonly onLeft: () => void;
}

export class GpuFallback {
  readonly #options: GpuFallbackOptions;
  #left = false;

  constructor(options: GpuFallbackOptions) {
    this.#options = options;
  }

  /** The GPU is tried again. */
  forgive(): void {
    this.#left = false;
  }

  async loadModel(
    engine: Engine,
    modelPath: string,
    { device, threads }: Settings,
    options: Pick<LoadOptions, "blank"> = {},
  ): Promise<Model> {
    const { log, onProblem, packedFolder } = this.#options;
    const model = await loadOnDevice(engine, modelPath, {
      ...options,
      setting: this.#left ? "cpu" : device,
      threads: chooseThreads(threads),
      packedFolder,
      onUnusable: ({ message }, asked) => {
        log.info(`${message} The model runs on the processor.`);
        if (asked) onProblem?.(`${message} The model runs on the processor.`);
      },
      onDeviceFailed: (error) => this.#leave(error),
    });
    if (model.info.packingProblem) log.warn(model.info.packingProblem);
    return model;
  }

  #leave({ message }: DeviceError): void {
    if (this.#left) return;
    this.#left = true;
    this.#options.log.warn(`${message} The model goes on on the processor.`);
    this.#options.onProblem?.(`${message} The model goes on on the processor.`);
    this.#options.onLeft();
  }
}
