/** The reading's progress as the editor shows it: one work-done progress for each reading. */
import type { Connection, WorkDoneProgressServerReporter } from "vscode-languageserver/node";
import type { Status } from "../protocol/messages.ts";

export class ReadingProgress {
  readonly #connection: Connection;
  #reporter: Promise<WorkDoneProgressServerReporter | undefined> | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  follow(status: Status): void {
    if (status.state === "reading" && status.tokensTotal > 0) this.#report(status);
    if (status.state !== "reading") this.#end();
  }

  #report({ tokensRead, tokensTotal }: Status): void {
    const percentage = Math.min(100, Math.floor((tokensRead * 100) / tokensTotal));
    const message = `${thousands(tokensRead)} of ${thousands(tokensTotal)} tokens`;
    this.#reporter ??= this.#begin();
    void this.#reporter.then((reporter) => reporter?.report(percentage, message));
  }

  #end(): void {
    void this.#reporter?.then((reporter) => reporter?.done());
    this.#reporter = undefined;
  }

  async #begin(): Promise<WorkDoneProgressServerReporter | undefined> {
    try {
      const reporter = await this.#connection.window.createWorkDoneProgress();
      reporter.begin("Stateline: reading the repository", 0, "", false);
      return reporter;
    } catch {
      // The client refused the progress; the status is sent all the same.
      return undefined;
    }
  }
}

function thousands(tokens: number): string {
  return tokens < 10_000 ? String(tokens) : `${Math.round(tokens / 1000)}k`;
}
