/**
 * As much of the hub's HTTP interface as fetching a model uses, with its faults: what a repository has, files by ranges, large ones
 * behind a redirect to another host.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** A file of so many bytes is large: it is kept elsewhere. */
const LARGE = 4096;

export interface HubRequest {
  readonly host: "hub" | "store";
  readonly path: string;
  readonly range: string | undefined;
  readonly token: string | undefined;
}

/** What happens to a request before it is answered; true: it was answered so. */
export type Fault = (request: HubRequest, response: ServerResponse) => boolean;

export class HubStandIn implements AsyncDisposable {
  readonly requests: HubRequest[] = [];
  /** By path; what the hub says of them is of these. */
  readonly files: Map<string, Buffer>;
  /** What is sent in their place. */
  readonly sent = new Map<string, Buffer>();
  licence = "apache-2.0";
  token: string | undefined;
  fault: Fault = () => false;
  readonly #hub: Server;
  readonly #store: Server;

  private constructor(files: Readonly<Record<string, Buffer>>) {
    this.files = new Map(Object.entries(files));
    this.#hub = createServer((request, response) => this.#answer("hub", request, response));
    this.#store = createServer((request, response) => this.#answer("store", request, response));
  }

  static async start(files: Readonly<Record<string, Buffer>>): Promise<HubStandIn> {
    const hub = new HubStandIn(files);
    for (const server of [hub.#hub, hub.#store]) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
    return hub;
  }

  get url(): string {
    return urlOf(this.#hub);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      server.closeAllConnections();
      server.close();
    }
  }

  #answer(host: HubRequest["host"], message: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(message.url ?? "/", "http://hub").pathname);
    const { range, authorization } = message.headers;
    const request = { host, path, range, token: authorization?.replace("Bearer ", "") };
    this.requests.push(request);
    if (this.fault(request, response)) return;
    if (host === "hub" && this.token !== undefined && request.token !== this.token) {
      response.writeHead(request.token === undefined ? 401 : 403).end();
      return;
    }
    if (path.startsWith("/api/")) json(response, path.includes("/tree/") ? this.#tree() : this.#info(path));
    else this.#send(host, path, range, response);
  }

  #send(host: HubRequest["host"], path: string, range: string | undefined, response: ServerResponse): void {
    const [, name = ""] = /\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(path) ?? [];
    const file = this.sent.get(name) ?? this.files.get(name);
    if (!file) {
      response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    } else if (host === "hub" && file.length >= LARGE) {
      response.writeHead(302, { location: `${urlOf(this.#store)}${path}` }).end();
    } else sendRange(file, range, response);
  }

  #info(path: string): object {
    const [, id = ""] = /^\/api\/models\/([^/]+\/[^/]+)/.exec(path) ?? [];
    const counts = { downloads: 1, likes: 1, private: false, gated: false };
    const [task, date] = ["text-generation", "2026-01-01T00:00:00.000Z"];
    return {
      _id: "1",
      id,
      sha: COMMIT,
      tags: [`license:${this.licence}`],
      pipeline_tag: task,
      lastModified: date,
      ...counts,
    };
  }

  #tree(): object[] {
    return [...this.files].map(([path, { length }]) => {
      const bytes = this.files.get(path) ?? Buffer.alloc(0);
      const git = createHash("sha1").update(`blob ${length}\0`).update(bytes).digest("hex");
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const lfs = length >= LARGE ? { lfs: { oid: sha256, size: length, pointerSize: 130 } } : {};
      return { type: "file", path, size: length, oid: git, ...lfs };
    });
  }
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** As the hub does, a range is answered with 206 and what of how much it is. */
export function sendRange(
  file: Buffer,
  range: string | undefined,
  response: ServerResponse,
  most = Infinity,
): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = last ? Math.min(Number(last) + 1, file.length) : file.length;
  const etag = `"${createHash("sha256").update(file).digest("hex")}"`;
  const headers = { etag, "content-length": end - start, "accept-ranges": "bytes" };
  const content = { "content-range": `bytes ${start}-${end - 1}/${file.length}` };
  response.writeHead(
    range === undefined ? 200 : 206,
    range === undefined ? headers : { ...headers, ...content },
  );
  const part = file.subarray(start, Math.min(end, start + most));
  if (part.length === end - start) response.end(part);
  else response.write(part, () => response.destroy());
}
