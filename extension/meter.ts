import * as vscode from "vscode";
import type { SessionCounts } from "../protocol/counts.ts";

/** Numbers of this session; they stay on this machine. */
export interface SessionFigures {
  /** As the server counts; undefined before the first and where counting is off. */
  readonly counts: SessionCounts | undefined;
  /** Time of the last answered request as the editor felt it, in milliseconds; 0 before the first. */
  readonly lastLatencyMs: number;
}

/** A request is called thinking only after this long, so that the status bar does not flicker at each key. */
const THINKING_AFTER_MS = 100;

/** What the editor feels of completions, and what the server counts of them. */
export class Meter implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #figures: SessionFigures = { counts: undefined, lastLatencyMs: 0 };
  #slow = 0;

  get figures(): SessionFigures {
    return this.#figures;
  }

  get thinking(): boolean {
    return this.#slow > 0;
  }

  /** Runs one completion request and measures it, if it `isAnswered`. */
  async measure<Answer>(
    request: () => Answer | Thenable<Answer>,
    isAnswered: (answer: Answer) => boolean,
  ): Promise<Answer> {
    const startedMs = performance.now();
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.#changeSlow(1);
    }, THINKING_AFTER_MS);
    try {
      const answer = await request();
      if (isAnswered(answer)) this.#update({ lastLatencyMs: performance.now() - startedMs });
      return answer;
    } finally {
      clearTimeout(timer);
      if (isSlow) this.#changeSlow(-1);
    }
  }

  counted(counts: SessionCounts | undefined): void {
    this.#update({ counts });
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #update(figures: Partial<SessionFigures>): void {
    this.#figures = { ...this.#figures, ...figures };
    this.#changed.fire();
  }

  #changeSlow(by: number): void {
    this.#slow += by;
    this.#changed.fire();
  }
}
