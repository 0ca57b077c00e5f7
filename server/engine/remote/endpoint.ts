/** A model on a remote server: text to continue in, text as it is written out; it is left alone while it fails. */
import { createParser } from "eventsource-parser";
import type { Log } from "../../log.ts";
import { throwIfCancelled } from "../engine.ts";
import type { RemoteAddress } from "./address.ts";
import { readChunk, readModels, type ServedModel, type TextChunk } from "./answers.ts";
import { Availability, type AvailabilityOptions } from "./availability.ts";
import { RemoteError } from "./errors.ts";
import { beginning, RemoteHttp, type Reply } from "./http.ts";

const MOST_ANSWER_BYTES = 2 ** 20;
const MOST_LIST_BYTES = 2 ** 20;

export interface RemoteOptions extends AvailabilityOptions {
  readonly address: RemoteAddress;
  /** Its name there; empty: the first that the server lists. */
  readonly model: string;
  readonly key: () => string | undefined;
  readonly log: Log;
  /** It answers, or does not any more. */
  readonly onChanged: () => void;
}

export interface TextQuestion {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly stop: readonly string[];
}

export class RemoteEndpoint {
  readonly #options: RemoteOptions;
  readonly #http: RemoteHttp;
  readonly #availability: Availability;
  #served: ServedModel | undefined;
  /** Some servers refuse to tell log probabilities, and say so. */
  #tellsLogProbs = true;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#http = new RemoteHttp(options.address, options.key);
    this.#availability = new Availability(options);
  }

  get address(): RemoteAddress {
    return this.#options.address;
  }

  /** One sentence: why it did not answer last. */
  get problem(): string | undefined {
    return this.#availability.problem?.message;
  }

  get isAway(): boolean {
    return this.#availability.isAway;
  }

  /** Something was changed: it is asked again at once. */
  forgive(): void {
    this.#availability.forgive();
    this.#served = undefined;
  }

  /** The model that answers. Rejects with Cancelled or RemoteError. */
  async served(signal: AbortSignal): Promise<ServedModel> {
    this.#served ??= await this.#watched(signal, () => this.#find(signal));
    return this.#served;
  }

  /** Ends with the text, or when nobody reads on: the connection is closed then, which ends the work there. */
  async *complete(question: TextQuestion, signal: AbortSignal): AsyncGenerator<TextChunk> {
    const { id } = await this.served(signal);
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const reply = await this.#watched(signal, () => this.#ask(question, id, either));
    let end: "early" | "whole" | "failed" = "early";
    try {
      yield* this.#chunks(reply, signal);
      end = "whole";
    } catch (cause) {
      end = "failed";
      throw this.#failed(cause, signal);
    } finally {
      if (end !== "failed" && this.#availability.succeeded()) this.#options.onChanged();
      // A whole answer leaves the connection for the next one.
      if (end === "whole") void reply.body.dump().catch(() => undefined);
      else {
        ended.abort();
        reply.body.destroy();
      }
    }
  }

  dispose(): void {
    this.#http.dispose();
  }

  async #find(signal: AbortSignal): Promise<ServedModel> {
    const { address, model } = this.#options;
    try {
      const reply = await this.#http.send(address.models, undefined, signal);
      const models = readModels(await beginning(reply.body, MOST_LIST_BYTES), address.host);
      const [first] = models;
      const found = model === "" ? first : models.find(({ id }) => id === model);
      if (found) return found;
    } catch (cause) {
      // Whoever names the model needs no list of them, which not every server has.
      const hasNoList = cause instanceof RemoteError && cause.trouble === "refused" && model !== "";
      if (!hasNoList) throw cause;
    }
    return { id: model, origin: model, mostTokens: undefined };
  }

  async #ask(question: TextQuestion, model: string, signal: AbortSignal): Promise<Reply> {
    const { prompt, maxTokens, stop } = question;
    const content = {
      model,
      prompt,
      max_tokens: maxTokens,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      ...(stop.length > 0 && { stop }),
    };
    if (!this.#tellsLogProbs) return await this.#http.send(this.address.completions, content, signal);
    try {
      return await this.#http.send(this.address.completions, { ...content, logprobs: 1 }, signal);
    } catch (cause) {
      if (!(cause instanceof RemoteError) || !/log_?prob|logits_all/i.test(cause.message)) throw cause;
      this.#tellsLogProbs = false;
      this.#options.log.info(`${this.address.host} tells no log probabilities: whole lines are shown.`);
      return await this.#ask(question, model, signal);
    }
  }

  async *#chunks({ contentType, body }: Reply, signal: AbortSignal): AsyncGenerator<TextChunk> {
    const { host } = this.address;
    if (!contentType.includes("text/event-stream"))
      throw new RemoteError(
        `${host} answers with ${contentType || "nothing known"} instead of a stream.`,
        "away",
      );
    const events: string[] = [];
    const parser = createParser({ onEvent: ({ data }) => void events.push(data) });
    const decoder = new TextDecoder();
    let bytes = 0;
    let hasEnded = false;
    for await (const part of body) {
      throwIfCancelled(signal);
      bytes += part.length;
      if (bytes > MOST_ANSWER_BYTES) throw new RemoteError(`${host} answers without an end.`, "away");
      parser.feed(decoder.decode(part, { stream: true }));
      for (const data of events.splice(0)) {
        if (data === "[DONE]") return;
        const chunk = readChunk(data, host);
        if (!chunk) continue;
        hasEnded ||= chunk.end !== undefined;
        yield chunk;
      }
    }
    if (!hasEnded) throw new RemoteError(`${host} broke off in the middle of an answer.`, "away");
  }

  /** What goes wrong here counts against the server. */
  async #watched<Result>(signal: AbortSignal, job: () => Promise<Result>): Promise<Result> {
    this.#availability.throwIfAway();
    try {
      return await job();
    } catch (cause) {
      throw this.#failed(cause, signal);
    }
  }

  #failed(cause: unknown, signal: AbortSignal): Error {
    const error = this.#http.asError(cause, signal);
    if (error instanceof RemoteError && this.#availability.failed(error)) {
      this.#options.log.info(`${error.message} It is left alone for a while.`);
      this.#options.onChanged();
    }
    return error;
  }
}
