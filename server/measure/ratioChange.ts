/** After the hybrid ratio was changed: the old and the new one measured side by side, behind everything else. */

import type { RatioFigures } from "../../protocol/benchmark.ts";
import type { RatioChange } from "../../protocol/dashboard.ts";
import { bytes, count } from "../../protocol/words.ts";
import type { Model } from "../engine/engine.ts";
import { Cancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { type Log, reasonOf } from "../log.ts";
import type { FilePolicy } from "../repository/filePolicy.ts";
import { measureRatios } from "./ratios.ts";
import { takeSample } from "./sample.ts";

export interface RatioSubject {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly policy: FilePolicy;
  readonly attentionWindow: number;
  readonly stateTokens: number;
}

export class RatioChanges {
  readonly #log: Log;
  readonly #onMeasured: () => void;
  #abort = new AbortController();
  #latest: RatioChange | undefined;

  constructor(log: Log, onMeasured: () => void) {
    this.#log = log;
    this.#onMeasured = onMeasured;
  }

  get latest(): RatioChange | undefined {
    return this.#latest;
  }

  /** Heads in state mode; a measurement under way is given up. The subject is asked when the repository is read. */
  async measure(
    from: number,
    to: number,
    read: Promise<void>,
    subject: () => RatioSubject | undefined,
  ): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      await read;
      const measured = subject();
      if (signal.aborted || !measured) return;
      const sample = await takeSample(measured.tokenizer, { ...measured, log: this.#log, signal });
      const options = { ...measured, sample, stateHeads: [from, to], signal, onFigures: () => undefined };
      const [before, after] = await measureRatios(measured.model, options);
      if (!before || !after) return;
      this.#latest = { from: before, to: after };
      this.#log.info(sentenceOf(before, after));
      this.#onMeasured();
    } catch (cause) {
      if (signal.aborted || cause instanceof Cancelled) return;
      this.#log.info(`The change of the hybrid ratio was not measured: ${reasonOf(cause)}`);
    }
  }

  dispose(): void {
    this.#abort.abort();
  }
}

function sentenceOf(from: RatioFigures, to: RatioFigures): string {
  const change = (name: string, of: (one: RatioFigures) => string) => `${name} ${of(from)} -> ${of(to)}`;
  return [
    change("Hybrid ratio", (one) => String(one.hybridRatio)),
    change("state", (one) => bytes(one.stateBytes)),
    change("attention cache", (one) => bytes(one.kvBytes)),
    change("reading", (one) => `${count(one.readTokensPerSecond)} tokens/s`),
    change("bits a byte", (one) => one.bitsPerByte.toFixed(3)),
  ].join(", ");
}
