/** When a model that nobody asks gives its memory back: after a time that is shorter on battery and where memory is tight. */
import { type MachineState, machineState } from "./machineState.ts";
import { type Clock, SYSTEM_CLOCK } from "./repository/changeQueue.ts";

const CHECK_MS = 30_000;
/** At most. */
const BATTERY_MINUTES = 5;
const TIGHT_MINUTES = 1;

export interface IdleClock {
  readonly clock: Clock;
  readonly machine: () => Promise<MachineState>;
}

/** Waiting for idleness keeps no process alive. */
const QUIET_CLOCK: Clock = {
  ...SYSTEM_CLOCK,
  after: (ms, call) => {
    const timer = setTimeout(call, ms).unref();
    return () => clearTimeout(timer);
  },
};

export const SYSTEM_IDLE_CLOCK: IdleClock = { clock: QUIET_CLOCK, machine: machineState };

export interface IdlenessOptions extends IdleClock {
  /** Without a use; 0: never idle. */
  readonly minutes: () => number;
  /** At each check while idle, with the reason for a person: "after 30 minutes without a key". */
  readonly onIdle: (why: string) => void;
}

export class Idleness {
  readonly #options: IdlenessOptions;
  #usedMs: number;
  #holds = 0;
  #callOff: (() => void) | undefined;
  #disposed = false;

  constructor(options: IdlenessOptions) {
    this.#options = options;
    this.#usedMs = options.clock.nowMs();
    this.#checkLater();
  }

  noteUse(): void {
    this.#usedMs = this.#options.clock.nowMs();
  }

  /** In use until it is disposed of. */
  hold(): Disposable {
    this.#holds++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#holds--;
        isHeld = false;
        this.noteUse();
      },
    };
  }

  /** Whether nobody has used it for so long. */
  isIdle(minutes = TIGHT_MINUTES): boolean {
    return this.#holds === 0 && this.#options.clock.nowMs() - this.#usedMs >= 60_000 * minutes;
  }

  dispose(): void {
    this.#disposed = true;
    this.#callOff?.();
  }

  #checkLater(): void {
    if (!this.#disposed) this.#callOff = this.#options.clock.after(CHECK_MS, () => void this.#check());
  }

  async #check(): Promise<void> {
    const { machine, minutes, onIdle } = this.#options;
    const most = minutes();
    if (most > 0 && this.isIdle()) {
      const { minutes: allowed, because } = allowedMinutes(await machine(), most);
      // Somebody may have asked meanwhile.
      if (!this.#disposed && this.isIdle(allowed))
        onIdle(`after ${inWords(allowed)} without a key${because}`);
    }
    this.#checkLater();
  }
}

function allowedMinutes({ onBattery, isMemoryTight }: MachineState, most: number) {
  if (isMemoryTight && most > TIGHT_MINUTES)
    return { minutes: TIGHT_MINUTES, because: ", since memory is short" };
  if (onBattery && most > BATTERY_MINUTES) return { minutes: BATTERY_MINUTES, because: " on battery" };
  return { minutes: most, because: "" };
}

function inWords(minutes: number): string {
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}
