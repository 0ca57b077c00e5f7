/** An answerer that is the server in trouble: it is killed, its questions are taken back, two documents are asked about at once. */
import type { Answerer, Asked, TextChange, TypedDocument, Usage } from "../eval/replay/answerer.ts";
import { faultOf, type Twin, twinFaultOf, twins } from "./faults.ts";

/** What is troubled: the real server, or a test's. */
export interface Troubled extends Answerer {
  closeDocument(path: string): Promise<void>;
  filesChanged(paths: readonly string[]): Promise<void>;
  kill(): Promise<void>;
  /** Whether a model has answered yet. */
  figures(): Promise<unknown>;
}

export interface Trouble {
  /** Shares of requests. */
  readonly kills: number;
  readonly cancellations: number;
  readonly twins: number;
}

/** As many documents as a person has open. */
const MOST_OPEN = 8;
/** A question is taken back within so many ms. */
const MOST_PATIENCE_MS = 30;
const BETWEEN_TRIES_MS = 10;
const LONGEST_RECOVERY_MS = 120_000;

export class TroubledServer implements Answerer {
  readonly #start: () => Promise<Troubled>;
  readonly #trouble: Trouble;
  readonly #random: () => number;
  /** As they are now, the one used last at the end. */
  readonly #open = new Map<string, TypedDocument>();
  #server: Troubled;
  mayKill = true;
  requests = 0;
  cancelled = 0;
  twinRounds = 0;
  readonly faults: string[] = [];
  readonly recoveriesMs: number[] = [];
  readonly onRequest: (usage: Usage) => void;

  private constructor(
    server: Troubled,
    start: () => Promise<Troubled>,
    trouble: Trouble,
    random: () => number,
    onRequest: (usage: Usage) => void,
  ) {
    this.#server = server;
    this.#start = start;
    this.#trouble = trouble;
    this.#random = random;
    this.onRequest = onRequest;
  }

  static async begin(
    start: () => Promise<Troubled>,
    trouble: Trouble,
    random: () => number,
    onRequest: (usage: Usage) => void,
  ): Promise<TroubledServer> {
    return new TroubledServer(await start(), start, trouble, random, onRequest);
  }

  async open(document: TypedDocument): Promise<void> {
    const { path } = document;
    const [oldest] = this.#open.keys();
    if (this.#open.has(path)) await this.#closeDocument(path);
    else if (oldest !== undefined && this.#open.size >= MOST_OPEN) await this.#closeDocument(oldest);
    this.#open.set(path, document);
    await this.#server.open(document);
  }

  async change(document: TypedDocument, change: TextChange): Promise<void> {
    this.#open.delete(document.path);
    this.#open.set(document.path, document);
    await this.#server.change(document, change);
  }

  async ask(document: TypedDocument, cursor: number): Promise<Asked | undefined> {
    this.requests++;
    if (this.mayKill && this.#random() < this.#trouble.kills) await this.#crash(document, cursor);
    if (this.#random() < this.#trouble.cancellations) await this.#takeBack(document, cursor);
    if (this.#random() < this.#trouble.twins) await this.#askTwins();
    const asked = await this.#server.ask(document, cursor);
    this.#note(asked && faultOf(asked, document, cursor));
    this.onRequest(this.#server.usage());
    return asked;
  }

  async rest(document: TypedDocument, cursor: number): Promise<void> {
    await this.#server.rest(document, cursor);
  }

  async save(document: TypedDocument): Promise<void> {
    await this.#server.save(document);
  }

  async filesChanged(paths: readonly string[]): Promise<void> {
    await this.#server.filesChanged(paths);
  }

  usage(): Usage {
    return this.#server.usage();
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /** While a question waits, or between two; ends when the model answers at the same place. */
  async #crash(document: TypedDocument, cursor: number): Promise<void> {
    const waiting =
      this.#random() < 0.5
        ? this.#server.ask(document, cursor).then(
            (asked) => this.#note(asked && faultOf(asked, document, cursor)),
            () => undefined,
          )
        : undefined;
    const begunMs = performance.now();
    await this.#server.kill();
    await waiting;
    this.#server = await this.#start();
    for (const one of this.#open.values()) await this.#server.open(one);
    for (;;) {
      const asked = await this.#server.ask(document, cursor);
      this.#note(asked && faultOf(asked, document, cursor));
      if ((await this.#server.figures()) !== null) break;
      if (performance.now() - begunMs > LONGEST_RECOVERY_MS) {
        throw new Error(`The server did not answer within ${LONGEST_RECOVERY_MS} ms after it was killed.`);
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
    }
    this.recoveriesMs.push(performance.now() - begunMs);
  }

  async #takeBack(document: TypedDocument, cursor: number): Promise<void> {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#random() * MOST_PATIENCE_MS);
    const asked = await this.#server.ask(document, cursor, patience.signal);
    clearTimeout(timer);
    if (!asked) this.cancelled++;
    else this.#note(faultOf(asked, document, cursor));
  }

  async #askTwins(): Promise<void> {
    const both = twins(this.twinRounds++);
    for (const { document } of both) await this.#server.open(document);
    const asked = await Promise.all(
      both.map(({ document }) => this.#server.ask(document, document.text.length)),
    );
    for (const [i, twin] of both.entries()) this.#note(this.#twinFault(asked[i], twin));
    for (const { document } of both) await this.#server.closeDocument(document.path);
  }

  #twinFault(asked: Asked | undefined, twin: Twin): string | undefined {
    return asked && twinFaultOf(asked, twin);
  }

  async #closeDocument(path: string): Promise<void> {
    this.#open.delete(path);
    await this.#server.closeDocument(path);
  }

  #note(fault: string | undefined): void {
    if (fault !== undefined) this.faults.push(fault);
  }
}
