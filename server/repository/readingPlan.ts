/** Which files are read of those that are there: as many as the budget of tokens holds, the far and old ones left out first. */
import { recentPart, withinBudget } from "./order.ts";
import { BYTES_PER_TOKEN, type WorkspaceFile } from "./sources.ts";

/** Of the budget; the rest is for files with more tokens a byte than those before them. */
const PLANNED_SHARE = 0.95;
/** From so much on a repository's own tokens a byte count. */
const MEASURED_BYTES = 50_000;
/** Files between two looks at how many tokens a byte was. */
const LOOK_EVERY = 32;

export class ReadingPlan {
  readonly #budgetTokens: number;
  readonly #recent: ReadonlySet<WorkspaceFile>;
  #left: WorkspaceFile[];
  #bytesLeft: number;
  #bytesRead = 0;
  #tokens = 0;
  #sinceLook = LOOK_EVERY;

  /** `files` in reading order. */
  constructor(files: readonly WorkspaceFile[], budgetTokens: number) {
    this.#budgetTokens = budgetTokens;
    this.#left = files.toReversed();
    this.#bytesLeft = bytesOf(files);
    const folders = [...new Set(files.map(({ folder }) => folder))];
    this.#recent = new Set(folders.flatMap((of) => recentPart(files.filter(({ folder }) => folder === of))));
  }

  /** The next file to read. */
  next(): WorkspaceFile | undefined {
    if (++this.#sinceLook > LOOK_EVERY && this.#isMeasured) this.#look();
    return this.#left.pop();
  }

  /** A file was read, or could not be: 0 tokens. */
  count(file: WorkspaceFile, tokens: number): void {
    this.#bytesLeft -= file.sizeBytes;
    this.#bytesRead += tokens > 0 ? file.sizeBytes : 0;
    this.#tokens += tokens;
  }

  /** Of the whole stream: exact for what was read, by bytes a token for the rest. */
  get estimatedTokens(): number {
    const estimate = this.#tokens + Math.max(0, this.#bytesLeft) / this.#bytesPerToken;
    return Math.min(this.#budgetTokens, Math.round(estimate));
  }

  get #isMeasured(): boolean {
    return this.#bytesRead > MEASURED_BYTES;
  }

  get #bytesPerToken(): number {
    return this.#isMeasured ? this.#bytesRead / this.#tokens : BYTES_PER_TOKEN;
  }

  /** Leaves out of what is left what does not fit any more. */
  #look(): void {
    this.#sinceLook = 0;
    const room = (this.#budgetTokens * PLANNED_SHARE - this.#tokens) * this.#bytesPerToken;
    if (this.#bytesLeft <= room) return;
    this.#left = withinBudget(this.#left.toReversed(), room, this.#recent).toReversed();
    this.#bytesLeft = bytesOf(this.#left);
  }
}

function bytesOf(files: readonly WorkspaceFile[]): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}
