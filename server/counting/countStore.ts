/** The counts in a file that all servers of a person share: each adds what it counted, under a lock, whole or not at all. */
import { join } from "node:path";
import { COUNTS_FILE, type Counts, type DayCounts, NO_COUNTS, sumOfCounts } from "../../protocol/counts.ts";
import { type Log, reasonOf } from "../log.ts";
import { StateFolder } from "../repository/stateFolder.ts";
import { daysIn, keyOf, languageIn, MOST_BYTES, textOf } from "./countsFile.ts";
import { withLock } from "./fileLock.ts";

export class CountStore {
  readonly #folder: StateFolder;
  readonly #log: Log;
  readonly #saveMs: number;
  #unsaved: ReadonlyMap<string, DayCounts> = new Map();
  #timer: NodeJS.Timeout | undefined;
  /** Looks at the file wait for each other here. */
  #turn: Promise<unknown> = Promise.resolve();
  #toldReason = "";

  /** `saveMs`: how long what was counted may wait for the disk. */
  constructor(folder: string, log: Log, saveMs: number) {
    this.#folder = new StateFolder(folder);
    this.#log = log;
    this.#saveMs = saveMs;
  }

  get #path(): string {
    return join(this.#folder.path, COUNTS_FILE);
  }

  add(day: string, languageId: string, counts: Partial<Counts>): void {
    const added = { ...NO_COUNTS, ...counts, day, language: languageIn(languageId) };
    this.#unsaved = merged([...this.#unsaved.values(), added]);
    this.#timer ??= setTimeout(() => void this.flush(), this.#saveMs);
  }

  /** With what was counted until now, the oldest day first. */
  async days(): Promise<readonly DayCounts[]> {
    return await this.#inTurn(async () =>
      sorted(merged([...(await this.#read()), ...this.#unsaved.values()])),
    );
  }

  /** What cannot be saved now is kept for the next time. */
  async flush(): Promise<void> {
    this.#stopTimer();
    await this.#inTurn(async () => {
      const added = [...this.#unsaved.values()];
      if (added.length === 0) return;
      this.#unsaved = new Map();
      try {
        await this.#write(added);
        this.#toldReason = "";
      } catch (cause) {
        this.#unsaved = merged([...added, ...this.#unsaved.values()]);
        this.#tell(`The counts of completions are not saved for now: ${reasonOf(cause)}.`);
      }
    });
  }

  /** With what was counted and not saved; a server beside this one adds only what it counts from now on or has not saved. */
  async remove(): Promise<void> {
    this.#stopTimer();
    await this.#inTurn(async () => {
      this.#unsaved = new Map();
      await this.#folder.prepare();
      await this.#locked(() => this.#folder.remove([COUNTS_FILE]));
    });
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #write(added: readonly DayCounts[]): Promise<void> {
    await this.#folder.prepare();
    await this.#locked(async () => {
      const days = merged([...(await this.#read()), ...added]);
      await this.#folder.write(COUNTS_FILE, textOf([...days.values()].map(withoutNegatives)));
    });
  }

  #locked(job: () => Promise<void>): Promise<void> {
    return withLock(`${this.#path}.lock`, job);
  }

  async #read(): Promise<readonly DayCounts[]> {
    if (!(await this.#folder.look(COUNTS_FILE))) return [];
    try {
      return daysIn((await this.#folder.read(COUNTS_FILE, MOST_BYTES)).toString("utf8"));
    } catch (cause) {
      this.#tell(`The counts of completions in ${this.#path} are not used: ${reasonOf(cause)}.`);
      return [];
    }
  }

  /** The same sentence once. */
  #tell(sentence: string): void {
    if (sentence !== this.#toldReason) this.#log.warn(sentence);
    this.#toldReason = sentence;
  }

  #inTurn<Result>(job: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(job);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function merged(all: readonly DayCounts[]): ReadonlyMap<string, DayCounts> {
  const days = new Map<string, DayCounts>();
  for (const one of all) {
    const before = days.get(keyOf(one));
    days.set(keyOf(one), before ? { ...one, ...sumOfCounts([before, one]) } : one);
  }
  return days;
}

function sorted(days: ReadonlyMap<string, DayCounts>): readonly DayCounts[] {
  return [...days.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** An end that proved to be another one takes itself back, also where it was deleted meanwhile. */
function withoutNegatives(counts: DayCounts): DayCounts {
  const least = (value: unknown): unknown => (typeof value === "number" ? Math.max(0, value) : value);
  return Object.fromEntries(
    Object.entries(counts).map(([name, value]) => [name, least(value)]),
  ) as unknown as DayCounts;
}
