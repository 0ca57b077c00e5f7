/** The messages that Stateline's server and its clients exchange beyond the Language Server Protocol itself. */
import type { Notification, Request } from "./message.ts";

export const STATUS_REQUEST = { method: "stateline/status" } as Request<null, Status>;
/** From the server, whenever something in it changes, at most a few times a second. */
export const STATUS_CHANGED_NOTIFICATION = { method: "stateline/statusChanged" } as Notification<Status>;
/** What the last completion cost. */
export const LAST_COMPLETION_REQUEST = { method: "stateline/lastCompletion" } as Request<
  null,
  CompletionFigures | null
>;
/** Reads the whole repository into the index again, then the state; the old ones answer meanwhile. */
export const REREAD_REQUEST = { method: "stateline/reread" } as Request<null, null>;
/** A page in Markdown, or null while no model serves: what was read, what was left out, and why. */
export const WHAT_WAS_READ_REQUEST = { method: "stateline/whatWasRead" } as Request<null, string | null>;
/**
 * To the server: the cursor rests here. What a completion would read first is then read before a key is pressed. A client need
 * not send it.
 */
export const CURSOR_RESTS_NOTIFICATION = { method: "stateline/cursorRests" } as Notification<Place>;
/**
 * To the server: the key of a remote server, null for none. It is kept in memory alone, and sent to that origin (scheme, host and
 * port) and no other.
 */
export const REMOTE_KEY_NOTIFICATION = { method: "stateline/remoteKey" } as Notification<RemoteKey>;
/**
 * From the server, to a client that asked for it by `takesLateTexts`: a better text than the one that was answered is there. While
 * the document is as it was and the cursor where it was, asking again answers with it.
 */
export const BETTER_TEXT_NOTIFICATION = { method: "stateline/betterText" } as Notification<VersionedPlace>;
/** The command of each inline completion item, run by the client when the item is accepted. */
export const ACCEPTED_COMMAND = "stateline.accepted";

/** As TextDocumentPositionParams of the Language Server Protocol. */
export interface Place {
  readonly textDocument: { readonly uri: string };
  readonly position: { readonly line: number; readonly character: number };
}

export interface VersionedPlace extends Place {
  readonly textDocument: { readonly uri: string; readonly version: number };
}

export interface RemoteKey {
  readonly origin: string;
  readonly key: string | null;
}

/** A server on another machine (or another one on this) that completes too. */
export interface RemoteStatus {
  /** Its name and port. */
  readonly host: string;
  /** Whether text of the person's leaves this machine. */
  readonly leavesMachine: boolean;
  /** One sentence: why it does not answer at the moment. */
  readonly problem?: string;
}

/**
 * The engine's life: the model loads, the repository is read into the index, then the files that matter into the state; a model
 * that nobody asks rests until the next key.
 */
export type EngineState = "loading" | "reading" | "ready" | "resting" | "error";

/** Of a model's layers, how many keep recurrent memory and how many attend; a layer may do both. */
export interface LayerKinds {
  readonly recurrent: number;
  readonly attention: number;
}

/** A state begins with so many tokens, since more would take longer to read. */
export interface SlowReading {
  readonly tokens: number;
  readonly seconds: number;
}

export interface Status {
  readonly state: EngineState;
  /** Tokens of the repository's files that are in the index so far. */
  readonly tokensRead: number;
  /** Of all its files; estimated from their sizes until every one is tokenised. */
  readonly tokensTotal: number;
  /** Tokens that the state has read: the beginnings of the files that matter, and what changed since. */
  readonly stateTokens: number;
  /** The model's weights, as they are held. */
  readonly weightBytes: number;
  /** The recurrent memory: the same after a thousand tokens and after a million. */
  readonly stateBytes: number;
  /** The attention heads' cache: grows with the tokens up to the attention window. */
  readonly kvBytes: number;
  /** How fast the model read last in the background, into a state; 0 before the first time. */
  readonly tokensPerSecond: number;
  /** Of a model that is slow here. */
  readonly slowReading?: SlowReading;
  /** Share of heads in state mode, 0 to 1; null: the model has no heads that could run as either, see `layers`. */
  readonly hybridRatio: number | null;
  readonly layers: LayerKinds;
  /** For a person, e.g. "cpu (avx512vnni, 2 threads)"; empty until the model is loaded. */
  readonly device: string;
  /** The model's name for a person; empty until the model is loaded. */
  readonly model: string;
  /** Absent: no server is named, and nothing is sent. */
  readonly remote?: RemoteStatus;
  /** One sentence for a person: the error when state is "error", else a warning that still holds. */
  readonly message?: string;
}

export interface CompletionFigures {
  /** Tokens that the state had to take in before decoding; 0 when a shown completion was typed through. */
  readonly tokensAdvanced: number;
  readonly tokensDecoded: number;
  /** From the request's arrival to the first decoded line (the engine answers line by line). */
  readonly msToFirstToken: number;
  readonly msTotal: number;
  /** Of the tokens decoded, without what came before them; absent when nothing was decoded. */
  readonly msDecoding?: number;
  /** Tokens of the whole context: repository state, changed files, snippets, suffix and prefix. */
  readonly contextTokens: number;
  /** Length of the offered text; 0 when nothing was offered. */
  readonly characters: number;
  /** Why nothing was offered, for the log and the panels; absent when something was. */
  readonly nothing?: string;
}

/** The single argument of ACCEPTED_COMMAND. */
export interface Accepted {
  /** Of the request that it answers. */
  readonly id: number;
  /** Which of the items: 0 is the first, the likeliest. */
  readonly alternative: number;
  readonly characters: number;
}

/** What a client may add to the parameters of textDocument/inlineCompletion. */
export interface EditorFacts {
  /** Columns of a tab as the editor draws it; guessed from the text when absent. */
  readonly tabSize?: number;
}

/** Extra fields that a client may send in `initializationOptions`. */
export interface InitializationOptions {
  /** Folder for the repository state's cache; the XDG cache folder when absent. */
  readonly storagePath?: string;
  /** Folder for the counts of completions, which belong to the person; "counts" in storagePath when absent. */
  readonly countsPath?: string;
  /** Folder of fetched models, where no setting names one; "models" in storagePath when absent. */
  readonly modelsPath?: string;
  /**
   * The change of each key is sent by itself: several characters at once, as a shown text goes on, were taken by word or line.
   * When absent, they were typed.
   */
  readonly sendsEachKey?: boolean;
  /** Whether BETTER_TEXT_NOTIFICATION is wanted. */
  readonly takesLateTexts?: boolean;
  /** Settings for clients that do not answer workspace/configuration; same names as the section "stateline". */
  readonly settings?: unknown;
}
