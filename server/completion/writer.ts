/** Who writes on at a place in a document: a model of this machine from its states, or a server from a prompt. */
import type { Generation } from "./generate.ts";
import type { CompletionRequest, Surroundings } from "./request.ts";

export interface Question {
  readonly request: CompletionRequest;
  readonly around: Surroundings;
  /** Given the text so far, which ends a line: whether to write another. */
  readonly wantsMore: (text: string) => boolean;
  /** Given the text so far: whether it may still be right, by what was typed since. Whoever writes slowly asks. */
  readonly mayFit?: (text: string) => boolean;
  /** The text is written as far as the log probabilities of its tokens sum to no less, nats; undefined: the likeliest whole lines. */
  readonly leastLogProb: number | undefined;
  readonly signal: AbortSignal;
}

export interface Written extends Generation {
  /** Whether its pieces have log probabilities; where nobody tells them, there are no pieces. */
  readonly isWeighed: boolean;
  /** Tokens that were read before the first was written, as far as that is known. */
  readonly tokensAdvanced: number;
  readonly contextTokens: number;
  /** Of performance.now(): when it was this question's turn. */
  readonly begunAtMs: number;
  /** Of writing alone. */
  readonly msDecoding: number;
}

export interface Writer {
  /** Rejects with Cancelled when the signal aborts. */
  write(question: Question): Promise<Written>;
  dispose(): void;
}

/** One that has memory to prepare. */
export interface ReadingWriter extends Writer {
  /**
   * Reads what a completion at this cursor would read first, so that the first one after a jump is as fast as the next ones.
   * Any request ends it, and finds what was read so far.
   */
  readAhead(request: CompletionRequest): Promise<void>;
  /** The same from the repository's newest state; a request that ends it finds what was there before. */
  takeUpState(request: CompletionRequest): Promise<void>;
  /** Ends reading ahead. */
  giveWay(): void;
}
