/** What may be wrong with a remote server; the messages are sentences for a person and never hold a key or a text that was sent. */
import { EngineError } from "../engine.ts";

/**
 * "refused": a person must change something (key, address, model). "away": it will be back. "unfit": this question alone was
 * not taken.
 */
export type RemoteTrouble = "refused" | "away" | "unfit";

export class RemoteError extends EngineError {
  override name = "RemoteError";
  readonly trouble: RemoteTrouble;
  /** As long as the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    trouble: RemoteTrouble,
    options: ErrorOptions & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.trouble = trouble;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const MEANINGS: Readonly<Record<number, string>> = {
  401: "refuses the key (401): set one by “Stateline: Set Remote Key”",
  403: "refuses access (403): the key may not use this model",
  404: "knows no such API or model (404): look at stateline.remote and stateline.remoteModel",
  405: "knows no such API (405): look at stateline.remote",
  429: "has too much to do (429)",
  503: "is not ready (503)",
};

const LONGEST_RETRY_AFTER_MS = 600_000;

/** `told`: what the server said of it. */
export function errorOfStatus(
  host: string,
  status: number,
  told: string,
  retryAfter: string | undefined,
): RemoteError {
  const meaning = MEANINGS[status] ?? `answers ${status}`;
  const message = `${host} ${meaning}${told === "" ? "" : `: ${told}`}.`.replace(/\.+$/, ".");
  return new RemoteError(message, troubleOf(status), { retryAfterMs: msOf(retryAfter) });
}

function troubleOf(status: number): RemoteTrouble {
  if (status === 401 || status === 403 || status === 404 || status === 405) return "refused";
  if (status >= 300 && status < 400) return "refused";
  return status === 408 || status === 429 || status >= 500 ? "away" : "unfit";
}

/** Seconds, or a date. */
function msOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d+$/.test(retryAfter) ? 1000 * Number(retryAfter) : Date.parse(retryAfter) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS) : undefined;
}
