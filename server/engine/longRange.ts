/** Classifiers of byte sequences (state-space, attention or both) in the native engine: loaded, asked, disposed of. */
import { reasonOf } from "../../protocol/reason.ts";
import { type Classification, EngineError, type LongRangeInfo } from "./engine.ts";
import { type LongRangeAddon, loadAddon, type NativeLongRange, runCancellable } from "./native.ts";

export class LongRangeClassifier {
  readonly info: LongRangeInfo;
  readonly #addon: LongRangeAddon;
  readonly #native: NativeLongRange;

  private constructor(addon: LongRangeAddon, native: NativeLongRange) {
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
    const addon = loadAddon<LongRangeAddon>(addonPath);
    const native = await addon
      .loadLongRange(directory, { threads: options.threads })
      .catch((cause: unknown) => {
        throw new EngineError(reasonOf(cause), { cause });
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
