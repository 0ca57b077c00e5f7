import * as vscode from "vscode";

/** Numbers of this session; they stay on this machine. */
export interface Counts {
  readonly shown: number;
  readonly accepted: number;
  readonly acceptedCharacters: number;
  /** Time of the last answered request as the editor felt it, in milliseconds; 0 before the first. */
  readonly lastLatencyMs: number;
}

/** A request is called thinking only after this long, so that the status bar does not flicker at each key. */
const THINKING_AFTER_MS = 100;

/** Counts what was asked, shown and accepted. */
export class Meter implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #counts: Counts = { shown: 0, accepted: 0, acceptedCharacters: 0, lastLatencyMs: 0 };
  #slow = 0;

  get counts(): Counts {
    return this.#counts;
  }

  get thinking(): boolean {
    return this.#slow > 0;
  }

  /** Runs one completion request and counts it; `isShown` looks at the answer. */
  async measure<Answer>(
    request: () => Answer | Thenable<Answer>,
    isShown: (answer: Answer) => boolean,
  ): Promise<Answer> {
    const startedMs = performance.now();
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.#changeSlow(1);
    }, THINKING_AFTER_MS);
    try {
      const answer = await request();
      if (isShown(answer)) {
        const lastLatencyMs = performance.now() - startedMs;
        this.#update({ ...this.#counts, shown: this.#counts.shown + 1, lastLatencyMs });
      }
      return answer;
    } finally {
      clearTimeout(timer);
      if (isSlow) this.#changeSlow(-1);
    }
  }

  countAccepted(characters: number): void {
    const { accepted, acceptedCharacters } = this.#counts;
    this.#update({
      ...this.#counts,
      accepted: accepted + 1,
      acceptedCharacters: acceptedCharacters + characters,
    });
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #update(counts: Counts): void {
    this.#counts = counts;
    this.#changed.fire();
  }

  #changeSlow(by: number): void {
    this.#slow += by;
    this.#changed.fire();
  }
}
