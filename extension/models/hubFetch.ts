/**
 * fetch as the hub wants it: refusals become sentences, and what may pass is tried again after the time that it asks for. The
 * global one, at each request: the extension host's goes through VS Code's proxy, with its certificates.
 */
import { setTimeout as wait } from "node:timers/promises";
import { FetchError } from "./fetchError.ts";

/** Of one request. */
const MOST_TRIES = 5;
const FIRST_WAIT_MS = 1000;
/** A server that asks for more is not waited for. */
const MOST_WAIT_MS = 60_000;

export interface HubFetchOptions {
  /** For a person: the model, and its page. */
  readonly page: string;
  readonly signal: AbortSignal;
  /** Of waits, for tests. */
  readonly waitMs?: (ms: number) => number;
}

export function hubFetch({ page, signal, waitMs = (ms) => ms }: HubFetchOptions): typeof fetch {
  return async (input, init) => {
    for (let attempt = 1; ; attempt++) {
      const response = await reached(() => globalThis.fetch(input, { ...init, signal }), page, signal);
      if (response.ok) return response;
      const mayPass = response.status === 429 || response.status >= 500;
      if (!mayPass) throw refusal(response, page);
      await response.body?.cancel();
      const pause = retryAfterMs(response) ?? FIRST_WAIT_MS * 2 ** (attempt - 1);
      if (attempt === MOST_TRIES || pause > MOST_WAIT_MS) throw busy(response, page, pause);
      await wait(waitMs(pause), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw new FetchError("stopped", "Fetching was stopped.");
    }
  };
}

async function reached(ask: () => Promise<Response>, page: string, signal: AbortSignal): Promise<Response> {
  try {
    return await ask();
  } catch (cause) {
    if (signal.aborted) throw new FetchError("stopped", "Fetching was stopped.");
    const reason = codeOf(cause);
    throw new FetchError(
      "offline",
      `${new URL(page).host} cannot be reached (${reason}): check the network, or the proxy in VS Code's settings.`,
      { cause },
    );
  }
}

function codeOf(cause: unknown): string {
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  if (typeof inner === "object" && inner !== null && "code" in inner) return String(inner.code);
  return inner instanceof Error ? inner.message : String(inner);
}

function refusal({ status }: Response, page: string): FetchError {
  if (status === 401)
    return new FetchError(
      "gated",
      `${page} wants to know who asks: give a token of yours by "Stateline: Set Hugging Face Token".`,
    );
  if (status === 403)
    return new FetchError("gated", `Your token may not read ${page}: accept the licence on that page first.`);
  if (status === 404)
    return new FetchError("missing", `${page} does not have this model, or no longer: nothing was fetched.`);
  return new FetchError("refused", `${new URL(page).host} answered ${status} for ${page}: try again later.`);
}

function busy({ status }: Response, page: string, pauseMs: number): FetchError {
  const when = pauseMs > MOST_WAIT_MS ? `in ${Math.ceil(pauseMs / 60_000)} minutes` : "later";
  const why = status === 429 ? "has had too many requests" : `answers ${status}`;
  return new FetchError("refused", `${new URL(page).host} ${why}: go on ${when}; what was fetched is kept.`);
}

/** Seconds, or a date. */
function retryAfterMs(response: Response): number | undefined {
  const value = response.headers.get("retry-after");
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
