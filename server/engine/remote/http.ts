/** HTTP to one server: proxies as the environment names them, the system's certificates too, and an end to all waiting. */
import * as tls from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";
import { Cancelled } from "../engine.ts";
import type { RemoteAddress } from "./address.ts";
import { toldOf } from "./answers.ts";
import { errorOfStatus, RemoteError } from "./errors.ts";

const CONNECT_MS = 3000;
/** Until the answer begins, and between two of its parts. */
const SILENCE_MS = 10_000;
const WHOLE_ANSWER_MS = 30_000;
/** One person's requests end each other; an ended one may take a moment to go. */
const MOST_CONNECTIONS = 4;
const MOST_ERROR_BYTES = 4096;

export interface Reply {
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array> & { destroy(): unknown; dump(): Promise<void> };
}

export class RemoteHttp {
  readonly #address: RemoteAddress;
  readonly #key: () => string | undefined;
  readonly #dispatcher: Dispatcher;

  constructor(address: RemoteAddress, key: () => string | undefined) {
    this.#address = address;
    this.#key = key;
    const options = {
      connections: MOST_CONNECTIONS,
      pipelining: 1,
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
      connect: { timeout: CONNECT_MS, ...trusted() },
    };
    this.#dispatcher = address.leavesMachine ? new EnvHttpProxyAgent(options) : new Agent(options);
  }

  /** Rejects with Cancelled or RemoteError. No redirect is followed: it would take text and key to another place. */
  async send(url: URL, content: object | undefined, signal: AbortSignal): Promise<Reply> {
    const key = this.#key();
    const request = {
      origin: url.origin,
      path: url.pathname,
      method: content ? "POST" : "GET",
      headers: {
        accept: content ? "text/event-stream" : "application/json",
        ...(content && { "content-type": "application/json" }),
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
      ...(content && { body: JSON.stringify(content) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(WHOLE_ANSWER_MS)]),
    } as const;
    try {
      const { statusCode, headers, body } = await this.#dispatcher
        .request(request)
        .catch((cause: unknown) => {
          // A server may close a connection that waited for its next question just when that is sent.
          if (signal.aborted || !isBroken(codeOf(cause))) throw cause;
          return this.#dispatcher.request(request);
        });
      // What ends early, ends by an error that nobody waits for.
      body.on("error", () => undefined);
      const one = (name: string) => [headers[name]].flat()[0];
      if (statusCode === 200) return { contentType: one("content-type") ?? "", body };
      const told = withoutKey(toldOf(await beginning(body, MOST_ERROR_BYTES)), key);
      throw errorOfStatus(this.#address.host, statusCode, told, one("retry-after"));
    } catch (cause) {
      throw this.asError(cause, signal);
    }
  }

  asError(cause: unknown, signal: AbortSignal): Error {
    if (signal.aborted) return new Cancelled();
    if (cause instanceof RemoteError) return cause;
    return new RemoteError(`${this.#address.host} ${reasonOfFailure(cause)}.`, "away", { cause });
  }

  dispose(): void {
    void this.#dispatcher.destroy().catch(() => undefined);
  }
}

/** Node's own, NODE_EXTRA_CA_CERTS and, where this Node can tell them, the system's. */
function trusted(): { readonly ca?: string[] } {
  if (typeof tls.getCACertificates !== "function") return {};
  return { ca: [...tls.getCACertificates("default"), ...tls.getCACertificates("system")] };
}

/** By the codes of Node and undici; a certificate's have no common beginning. */
function reasonOfFailure(cause: unknown): string {
  const code = codeOf(cause);
  if (code === "ECONNREFUSED") return "refuses the connection: no server is there";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "is a name that nobody knows here";
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT") return "cannot be reached";
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT" || isTimeout(cause))
    return "does not answer in time";
  if (isBroken(code)) return "broke the connection";
  if (/CERT|SIGNATURE|ISSUER|SSL|TLS/.test(code))
    return `has a certificate that is not trusted here (${code}): name its issuer's by NODE_EXTRA_CA_CERTS`;
  return `cannot be asked (${code || "no reason is known"})`;
}

function isBroken(code: string): boolean {
  return code === "ECONNRESET" || code === "UND_ERR_SOCKET" || code === "EPIPE";
}

function codeOf(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : "";
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "TimeoutError";
}

/** Servers repeat keys in their errors. */
function withoutKey(told: string, key: string | undefined): string {
  return key === undefined || key === "" ? told : told.replaceAll(key, "…");
}

/** Of a short answer; a longer one is cut off, and the connection with it. */
export async function beginning(body: Reply["body"], mostBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    parts.push(part);
    length += part.length;
    if (length >= mostBytes) break;
  }
  return Buffer.concat(parts).toString("utf8", 0, mostBytes);
}
