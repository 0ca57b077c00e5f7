/** What answers while a person types: the server, another build of it, or a baseline. Offsets are UTF-16, as in a document. */

export interface TypedDocument {
  readonly path: string;
  readonly languageId: string;
  /** Now, after the change that an answerer is told of. */
  readonly text: string;
}

export interface TextChange {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Shown {
  readonly text: string;
  /** What of the document it stands in place of. */
  readonly start: number;
  readonly end: number;
}

export interface Asked {
  readonly shown: Shown | undefined;
  /** From the question to the answer. */
  readonly ms: number;
  /** Nothing was decoded for it: a text that was shown goes on. */
  readonly isCached: boolean;
  /** Why nothing is shown, where that is known. */
  readonly nothing?: string | undefined;
}

/** Since it began; undefined where this machine does not tell. */
export interface Usage {
  readonly cpuSeconds: number | undefined;
  readonly residentBytes: number | undefined;
}

/** One repository's. */
export interface Answerer {
  open(document: TypedDocument): Promise<void>;
  change(document: TypedDocument, change: TextChange): Promise<void>;
  /** undefined: the signal came before the answer. */
  ask(document: TypedDocument, cursor: number, signal?: AbortSignal): Promise<Asked | undefined>;
  /** The cursor was put here and rests. */
  rest(document: TypedDocument, cursor: number): Promise<void>;
  /** The document is written to the repository's folder. */
  save(document: TypedDocument): Promise<void>;
  usage(): Usage;
  close(): Promise<void>;
}

/** Begins with a repository's folder, read to its end. */
export type BeginAnswering = (folder: string) => Promise<Answerer>;
