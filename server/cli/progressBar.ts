/** How far the reading is, on standard error: a bar on a terminal, a line now and then elsewhere. */
import type { Status } from "../../protocol/messages.ts";

const BAR_CHARACTERS = 30;
/** Without a terminal a line at each tenth is enough. */
const STEP_WITHOUT_TERMINAL = 10;

export class ProgressBar {
  readonly #output: NodeJS.WriteStream;
  #lastPercent = -1;
  #isDrawn = false;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  show({ tokensRead, tokensTotal, tokensPerSecond }: Status): void {
    if (tokensTotal === 0) return;
    const percent = Math.floor((tokensRead * 100) / tokensTotal);
    // The index is filled without the model, whose speed is then not known yet.
    const speed = tokensPerSecond > 0 ? `, ${tokensPerSecond} tokens/s` : "";
    const figures = `${tokensRead} of ${tokensTotal} tokens${speed}`;
    if (this.#output.isTTY) {
      const full = Math.round((percent * BAR_CHARACTERS) / 100);
      this.#output.write(
        `\r\x1b[K${"█".repeat(full)}${"░".repeat(BAR_CHARACTERS - full)} ${percent}% ${figures}`,
      );
      this.#isDrawn = true;
    } else if (
      percent >= this.#lastPercent + STEP_WITHOUT_TERMINAL ||
      (percent === 100 && this.#lastPercent < 100)
    ) {
      this.#output.write(`reading: ${percent}% ${figures}\n`);
      this.#lastPercent = percent;
    }
  }

  end(): void {
    if (this.#isDrawn) this.#output.write("\n");
    this.#isDrawn = false;
  }
}
