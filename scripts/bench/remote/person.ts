/** One of the people at a server: the product's own completer and client, with nobody on this machine who is quicker. */

import { DEFAULT_SETTINGS } from "../../../protocol/settings.ts";
import { Completer } from "../../../server/completion/completer.ts";
import { RemoteWriter } from "../../../server/completion/remoteWriter.ts";
import type { CompletionRequest } from "../../../server/completion/request.ts";
import { StreamedText } from "../../../server/completion/streamedText.ts";
import type { ReadingWriter } from "../../../server/completion/writer.ts";
import type { State } from "../../../server/engine/engine.ts";
import type { RemoteAddress } from "../../../server/engine/remote/address.ts";
import type { TextChunk } from "../../../server/engine/remote/answers.ts";
import { RemoteEndpoint, type TextQuestion } from "../../../server/engine/remote/endpoint.ts";
import { Passages } from "../../../server/repository/passages.ts";
import type { SyntaxTrees } from "../../../server/syntax/trees.ts";
import type { Answerer, Asked, TypedDocument } from "../../eval/replay/answerer.ts";

const SILENT = { debug() {}, info() {}, warn() {} };

/** One question to the server, and what became of it. */
export interface Watched {
  readonly prompt: string;
  readonly askedMs: number;
  firstMs?: number;
  endMs?: number;
  text: string;
  promptTokens: number;
  cachedTokens: number;
  /** "early": enough was read. */
  end: "under way" | "whole" | "early" | "taken back" | "failed";
}

class WatchedEndpoint extends RemoteEndpoint {
  readonly watched: Watched[] = [];

  override async *complete(question: TextQuestion, signal: AbortSignal): AsyncGenerator<TextChunk> {
    const one: Watched = {
      prompt: question.prompt,
      askedMs: performance.now(),
      text: "",
      promptTokens: 0,
      cachedTokens: 0,
      end: "under way",
    };
    this.watched.push(one);
    try {
      for await (const chunk of super.complete(question, signal)) {
        one.firstMs ??= performance.now();
        one.text += chunk.text;
        one.promptTokens = chunk.promptTokens ?? one.promptTokens;
        one.cachedTokens = chunk.cachedTokens ?? one.cachedTokens;
        yield chunk;
      }
      one.end = "whole";
    } catch (cause) {
      one.end = signal.aborted ? "taken back" : "failed";
      throw cause;
    } finally {
      one.endMs = performance.now();
      if (one.end === "under way") one.end = signal.aborted ? "taken back" : "early";
    }
  }
}

/** Has nothing to say, at once. */
const NOBODY: ReadingWriter = {
  write: async (question) => new StreamedText(question, "").written(),
  readAhead: async () => undefined,
  takeUpState: async () => undefined,
  giveWay: () => undefined,
  dispose: () => undefined,
};

/** What completers compare, and never look into. */
const STATE: State = { tokenCount: 0, stateBytes: 0, kvBytes: 0, stateHeads: 0, dispose: () => undefined };

export class Person implements Answerer {
  readonly name: string;
  readonly #endpoint: WatchedEndpoint;
  readonly #completer: Completer;
  /** Of each key that asked: when, and how long until the editor had its answer. */
  readonly keys: { readonly atMs: number; readonly waitedMs: number }[] = [];
  lateTexts = 0;

  constructor(number: number, address: RemoteAddress, syntax: SyntaxTrees) {
    this.name = `person${number}`;
    const endpoint = new WatchedEndpoint({
      address,
      model: "",
      key: () => process.env.STATELINE_REMOTE_KEY,
      log: SILENT,
      onChanged: () => undefined,
    });
    this.#endpoint = endpoint;
    const better = new RemoteWriter({
      endpoint,
      format: "auto",
      passages: () => NO_PASSAGES,
      mayBeTold: () => true,
    });
    this.#completer = new Completer({
      writer: () => NOBODY,
      state: () => STATE,
      better: () => (endpoint.isAway ? undefined : better),
      onBetter: () => this.lateTexts++,
      syntax,
      settings: () => DEFAULT_SETTINGS,
      log: SILENT,
    });
  }

  get questions(): readonly Watched[] {
    return this.#endpoint.watched;
  }

  async ask(document: TypedDocument, offset: number, signal?: AbortSignal): Promise<Asked | undefined> {
    const atMs = performance.now();
    const [first] = await this.#completer.complete(this.#requestOf(document, offset), signal);
    if (signal?.aborted) return undefined;
    const waitedMs = performance.now() - atMs;
    this.keys.push({ atMs, waitedMs });
    const isCached = this.#completer.lastFigures?.tokensDecoded === 0;
    const shown = first && { text: first.insertText, start: first.replaceStart, end: first.replaceEnd };
    return { shown, ms: waitedMs, isCached };
  }

  async open(): Promise<void> {}
  async change(): Promise<void> {}
  async rest(): Promise<void> {}
  async save(): Promise<void> {}

  usage() {
    return { cpuSeconds: undefined, residentBytes: undefined };
  }

  async close(): Promise<void> {
    this.#completer.giveUp();
    this.#endpoint.dispose();
  }

  #requestOf({ path, languageId, text }: TypedDocument, offset: number): CompletionRequest {
    const relativePath = `${this.name}/${path}`;
    const document = { uri: `file:///${relativePath}`, relativePath, languageId, text };
    return { document, offset, manual: false, others: [] };
  }
}

const NO_PASSAGES = new Passages();
