/**
 * A server of completions with the speed of a card: so many slots, tokens read and written a second, a cache of prompts; the
 * others wait in a queue. What it writes says for whom, so that an answer to somebody else would show.
 */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const CHARACTERS_A_TOKEN = 4;
const CACHED_PROMPTS = 256;
/** Of each answer. */
const TOKENS = 12;

export interface CardShape {
  readonly slots: number;
  /** Tokens a second, of one slot. */
  readonly reads: number;
  readonly writes: number;
}

export interface CardFigures {
  readonly questions: number;
  readonly answered: number;
  /** Connections that were closed before the answer's end: before it began, and after. */
  readonly takenBackWaiting: number;
  readonly takenBackRunning: number;
  /** Tokens that were written after the connection was closed. */
  readonly tokensForNobody: number;
  readonly longestQueue: number;
}

export class Card {
  readonly #shape: CardShape;
  readonly #server: Server;
  readonly #prompts: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Questions get no answer at all. */
  isSilent = false;
  #figures = {
    questions: 0,
    answered: 0,
    takenBackWaiting: 0,
    takenBackRunning: 0,
    tokensForNobody: 0,
    longestQueue: 0,
  };

  private constructor(shape: CardShape) {
    this.#shape = shape;
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        if (request.method === "GET") list(response);
        else void this.#answer(JSON.parse(Buffer.concat(parts).toString()).prompt, response);
      });
    });
  }

  static async start(shape: CardShape): Promise<Card> {
    const card = new Card(shape);
    card.#server.listen(0, "127.0.0.1");
    await once(card.#server, "listening");
    return card;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  get figures(): CardFigures {
    return this.#figures;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(prompt: string, response: ServerResponse): Promise<void> {
    this.#figures.questions++;
    const closed = new AbortController();
    response.once("close", () => closed.abort());
    if (this.isSilent) {
      closed.signal.addEventListener("abort", () => this.#figures.takenBackWaiting++);
      return;
    }
    if (!(await this.#slot(closed.signal))) {
      this.#figures.takenBackWaiting++;
      return;
    }
    try {
      const isWhole = await this.#write(prompt, response, closed.signal);
      if (isWhole) this.#figures.answered++;
      else this.#figures.takenBackRunning++;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Whether it was still wanted when its turn came. */
  async #slot(closed: AbortSignal): Promise<boolean> {
    if (this.#running < this.#shape.slots) {
      this.#running++;
      return true;
    }
    return await new Promise<boolean>((resolve) => {
      const begin = () => {
        this.#running++;
        resolve(true);
      };
      this.#waiting.push(begin);
      this.#figures.longestQueue = Math.max(this.#figures.longestQueue, this.#waiting.length);
      closed.addEventListener("abort", () => {
        const place = this.#waiting.indexOf(begin);
        if (place < 0) return;
        this.#waiting.splice(place, 1);
        resolve(false);
      });
    });
  }

  async #write(prompt: string, response: ServerResponse, closed: AbortSignal): Promise<boolean> {
    const { reads, writes } = this.#shape;
    const cached = this.#cachedCharacters(prompt);
    try {
      await delay((1000 * (prompt.length - cached)) / CHARACTERS_A_TOKEN / reads, undefined, {
        signal: closed,
      });
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let i = 0; i < TOKENS; i++) {
        await delay(1000 / writes, undefined, { signal: closed });
        const text = i === 0 ? whoAsks(prompt) : i === TOKENS - 1 ? ";\n" : ` part${i}`;
        if (closed.aborted) this.#figures.tokensForNobody++;
        const choices = [{ text, logprobs: { token_logprobs: [-0.01] }, finish_reason: null }];
        response.write(event({ choices, ...(i === 0 && { usage: usageOf(prompt.length, cached) }) }));
      }
    } catch {
      // The only rejection of a timer is its signal's.
      return false;
    }
    response.write(event({ choices: [{ text: "", finish_reason: "stop" }] }));
    response.end("data: [DONE]\n\n");
    return true;
  }

  #cachedCharacters(prompt: string): number {
    let longest = 0;
    for (const known of this.#prompts) {
      let length = 0;
      while (length < prompt.length && known[length] === prompt[length]) length++;
      longest = Math.max(longest, length);
    }
    this.#prompts.unshift(prompt);
    this.#prompts.splice(CACHED_PROMPTS);
    return longest;
  }
}

function event(content: object): string {
  return `data: ${JSON.stringify(content)}\n\n`;
}

/** With the first token, since few answers are read to their end. */
function usageOf(characters: number, cached: number) {
  const [tokens, cachedTokens] = [characters, cached].map((one) => Math.ceil(one / CHARACTERS_A_TOKEN));
  return { prompt_tokens: tokens, prompt_tokens_details: { cached_tokens: cachedTokens } };
}

function list(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ data: [{ id: "mellum-card", max_model_len: 16_384 }] }));
}

/** By the path of the document, which stands last before its text. */
function whoAsks(prompt: string): string {
  return [...prompt.matchAll(/person\d+(?=\/)/g)].at(-1)?.[0] ?? "nobody";
}
