// Notices a server that lives and does not answer. No vscode here, so that a test can stop a process.

const BEAT_MS = 5000;
/** A server may be busy for seconds where memory is short; one that says nothing for so many beats hangs. */
const MOST_SILENT_BEATS = 4;

export const SILENCE_SECONDS = (BEAT_MS * MOST_SILENT_BEATS) / 1000;

export interface HeartbeatOptions {
  /** Settles when the server has answered, with an error too: whatever speaks does not hang. */
  readonly ping: () => Promise<unknown>;
  /** Called once; the heart beats no more. */
  readonly onHung: () => void;
  readonly beatMs?: number;
}

/**
 * Silence is counted in beats of this clock and not in time that went by: a laptop that sleeps, or a process that is stopped
 * together with the server, beats at most once meanwhile.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: NodeJS.Timeout;
  #silentBeats = 0;
  #asked = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), options.beatMs ?? BEAT_MS);
    this.#ask();
  }

  dispose(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    if (!this.#asked) {
      this.#ask();
      return;
    }
    this.#silentBeats++;
    if (this.#silentBeats < MOST_SILENT_BEATS) return;
    this.dispose();
    this.#options.onHung();
  }

  #ask(): void {
    this.#asked = true;
    const answered = (): void => {
      this.#asked = false;
      this.#silentBeats = 0;
    };
    this.#options.ping().then(answered, answered);
  }
}
