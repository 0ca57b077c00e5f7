/** A server of completions over real HTTP that does what a test says, well or badly. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly path: string;
  readonly authorization: string | undefined;
  /** Of a question. */
  readonly content: { readonly prompt: string; readonly model: string; readonly logprobs?: number };
  /** Resolves when the connection is closed before the answer was whole. */
  readonly takenBack: Promise<void>;
}

export type Behaviour = (response: ServerResponse, received: Received) => unknown;

export class CompletionsServer {
  readonly received: Received[] = [];
  /** To a question. */
  answer: Behaviour = (response) => stream(response, ["done;", "\n"]);
  /** To a look at the list of models. */
  list: Behaviour = (response) => json(response, { data: [{ id: "qwen-stub", max_model_len: 4096 }] });
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<CompletionsServer> {
    const server = new CompletionsServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  get questions(): readonly Received[] {
    return this.received.filter(({ path }) => path.endsWith("/completions"));
  }

  /** Resolves when so many questions have come. */
  async asked(count: number): Promise<Received> {
    while (this.questions.length < count) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    return this.questions[count - 1]!;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    const takenBack = new Promise<void>((resolve) =>
      response.once("close", () => !response.writableFinished && resolve()),
    );
    const { url = "", headers } = request;
    const content = body === "" ? {} : JSON.parse(body);
    const received = { path: url, authorization: headers.authorization, content, takenBack };
    this.received.push(received);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
    await (url.endsWith("/models") ? this.list : this.answer)(response, received);
  }
}

export function json(response: ServerResponse, content: object, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
}

export function error(response: ServerResponse, status: number, message: string, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ error: { message } }));
}

/** The beginning of a stream, which the caller ends. */
export function begin(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
}

export function event(text: string, logProb: number | undefined = -0.01, end: string | null = null): string {
  const logprobs = logProb === undefined ? null : { token_logprobs: [logProb] };
  return `data: ${JSON.stringify({ choices: [{ text, index: 0, logprobs, finish_reason: end }] })}\n\n`;
}

/** A whole answer, a token each. */
export function stream(response: ServerResponse, tokens: readonly string[], logProb?: number): void {
  begin(response);
  for (const token of tokens) response.write(event(token, logProb));
  response.write(event("", logProb, "stop"));
  const usage = { prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 90 } };
  response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`);
  response.end("data: [DONE]\n\n");
}
