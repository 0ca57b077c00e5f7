/** Classifiers of byte sequences (state-space, attention or both) in the native engine: loaded, asked, disposed of. */
import { EngineError } from "./engine.ts";
import { loadAddon, type NativeAddon, type NativeLongRange, runCancellable, sentenceOf } from "./native.ts";

export interface LongRangeInfo {
  readonly task: string;
  readonly classNames: readonly string[];
  readonly hiddenSize: number;
  readonly layers: number;
  /** Share of the channels that the state-space layer gets, 0 to 1. */
  readonly ssmRatio: number;
  readonly family: "low_rank" | "diagonal";
  /** Tokens of the longest sequence it was trained on. */
  readonly maxLength: number;
  readonly parameters: number;
  /** In memory, with what is computed from the weights. */
  readonly bytes: number;
  readonly threads: number;
  readonly cpuLevel: string;
}

export interface Classification {
  readonly logits: Float32Array;
  /** What the network remembers at the end of the sequence: constant where no channel attends. */
  readonly memoryBytes: number;
}

export class LongRangeClassifier {
  readonly info: LongRangeInfo;
  readonly #addon: NativeAddon;
  readonly #native: NativeLongRange;

  private constructor(addon: NativeAddon, native: NativeLongRange) {
    this.#addon = addon;
    this.#native = native;
    this.info = native.info;
  }

  /** Rejects with an EngineError of one sentence when the folder holds no such classifier. */
  static async load(
    addonPath: string,
    directory: string,
    options: { readonly threads: number },
  ): Promise<LongRangeClassifier> {
    const addon = loadAddon(addonPath);
    const native = await addon
      .loadLongRange(directory, { threads: options.threads })
      .catch((cause: unknown) => {
        throw new EngineError(sentenceOf(cause), { cause });
      });
    return new LongRangeClassifier(addon, native);
  }

  /** Of at least one byte; rejects with Cancelled when the signal aborts, within one segment of 512 bytes. */
  classify(bytes: Uint8Array, signal?: AbortSignal): Promise<Classification> {
    return runCancellable(this.#addon, signal, (options) => this.#native.classify(bytes, options));
  }

  /** Requests already made still end. */
  dispose(): void {
    this.#native.dispose();
  }
}
