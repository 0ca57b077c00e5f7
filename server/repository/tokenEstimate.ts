import { BYTES_PER_TOKEN, type WorkspaceFile } from "./sources.ts";

/** The stream's size: exact for the files that are tokenised, by bytes per token for the others. */
export class TokenEstimate {
  readonly #mostTokens: number;
  #bytesLeft: number;
  #bytesRead = 0;
  #tokens = 0;

  constructor(files: readonly WorkspaceFile[], mostTokens: number) {
    this.#mostTokens = mostTokens;
    this.#bytesLeft = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  }

  count(file: WorkspaceFile, tokens: number): void {
    this.#bytesLeft -= file.sizeBytes;
    this.#bytesRead += file.sizeBytes;
    this.#tokens += tokens;
  }

  total(tokensRead: number): number {
    const bytesPerToken = this.#bytesRead > 50_000 ? this.#bytesRead / this.#tokens : BYTES_PER_TOKEN;
    const estimate = Math.round(this.#tokens + Math.max(0, this.#bytesLeft) / bytesPerToken);
    return Math.min(this.#mostTokens, Math.max(tokensRead, estimate));
  }
}
