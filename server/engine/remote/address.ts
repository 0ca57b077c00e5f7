/** Where a remote server is, as the person wrote it: an OpenAI-compatible API such as https://gpu.example.com/v1. */
import { isIP } from "node:net";

export interface RemoteAddress {
  readonly completions: URL;
  readonly models: URL;
  /** Scheme, host and port: what a key belongs to. */
  readonly origin: string;
  /** For a person: host and port. */
  readonly host: string;
  /** Whether what is sent there leaves this machine. */
  readonly leavesMachine: boolean;
}

export type ReadAddress =
  | { readonly address: RemoteAddress }
  /** One sentence for a person. */
  | { readonly problem: string };

export function readAddress(written: string, allowsHttp: boolean): ReadAddress {
  const url = URL.canParse(written.trim()) ? new URL(written.trim()) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "")
    return problem("is no address; write one such as https://gpu.example.com/v1.");
  if (url.username !== "" || url.password !== "")
    return problem("holds a name or a password; the key belongs into “Stateline: Set Remote Key”.");
  if (url.search !== "" || url.hash !== "")
    return problem("ends with ? or #; the address of the API alone is wanted.");
  const leavesMachine = !isLoopback(url.hostname);
  if (url.protocol === "http:" && leavesMachine && !allowsHttp)
    return problem(
      "is not encrypted: use https://, or allow it by stateline.remoteAllowHttp where the network is yours.",
    );
  const base = url.href.replace(/\/+$/, "").replace(/\/completions$/, "");
  const path = /\/v\d+$/.test(base) ? base : `${base}/v1`;
  return {
    address: {
      completions: new URL(`${path}/completions`),
      models: new URL(`${path}/models`),
      origin: url.origin,
      host: url.host,
      leavesMachine,
    },
  };
}

function problem(what: string): ReadAddress {
  // What was written may hold a password.
  return { problem: `The setting stateline.remote ${what} The model of this machine answers alone.` };
}

function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (isIP(bare) === 4) return bare.startsWith("127.");
  return bare === "localhost" || bare === "::1";
}
