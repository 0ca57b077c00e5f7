/** A model of this machine: the context after the repository's state, read from where the last one agrees, then decoded. */
import type { Model, Recall } from "../engine/engine.ts";
import { Cancelled, throwIfCancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Passages } from "../repository/passages.ts";
import { type Context, ContextBuilder } from "./context.ts";
import { ContextShare } from "./contextShare.ts";
import { generateLines } from "./generate.ts";
import { chooseHealing, NO_HEALING } from "./healing.ts";
import { isBlank } from "./lines.ts";
import { PrefixCache, type Root } from "./prefixCache.ts";
import { PrefixCaches } from "./prefixCaches.ts";
import {
  type CompletionRequest,
  homeOf,
  lineBefore,
  lineStartIn,
  type Surroundings,
  surroundingsOf,
} from "./request.ts";
import { SnippetChoice } from "./snippets.ts";
import type { Question, ReadingWriter, Written } from "./writer.ts";

/** Further lines are decoded only within this time, since the person waits for all of them. */
const MOST_LINES_MS = 600;

export interface LocalWriterContext {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** The repository's state now. */
  readonly root: () => Root;
  /**
   * Its exact memory now, without the line that begins at this offset of a document's text (with line feeds only), on which
   * something `isBegun` or not.
   */
  readonly recallAt: (uri: string, lineStart: number, isBegun: boolean) => Recall;
  /** Of the repository's files now, but for open ones. */
  readonly passages: () => Passages;
}

export class LocalWriter implements ReadingWriter {
  readonly #context: LocalWriterContext;
  readonly #contexts: ContextBuilder;
  readonly #share = new ContextShare();
  readonly #caches: PrefixCaches;
  #readingAhead = new AbortController();
  readonly #gone = new AbortController();
  /** Completions use the engine one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(context: LocalWriterContext) {
    this.#context = context;
    this.#contexts = new ContextBuilder(context.tokenizer, new SnippetChoice(context.passages));
    this.#caches = new PrefixCaches(context.model);
  }

  /** Rejects with Cancelled where the model goes meanwhile, too. */
  async write(question: Question): Promise<Written> {
    this.giveWay();
    const signal = AbortSignal.any([question.signal, this.#gone.signal]);
    return await this.#inTurn(() => this.#write({ ...question, signal }));
  }

  async readAhead(request: CompletionRequest): Promise<void> {
    await this.#readAhead(request, (cache, tokens, signal) =>
      cache.advance(this.#context.root, tokens, signal),
    );
  }

  async takeUpState(request: CompletionRequest): Promise<void> {
    await this.#readAhead(request, async (_, tokens, signal) => {
      const cache = new PrefixCache(this.#context.model);
      try {
        await cache.advance(this.#context.root, tokens, signal);
        this.#caches.replace(homeOf(request.document), cache);
      } catch (cause) {
        cache.dispose();
        throw cause;
      }
    });
  }

  giveWay(): void {
    this.#readingAhead.abort();
  }

  dispose(): void {
    this.giveWay();
    this.#gone.abort();
    void this.#turn.finally(() => this.#caches.dispose());
  }

  async #write({ request, around, wantsMore, leastLogProb, signal }: Question): Promise<Written> {
    const { model, tokenizer } = this.#context;
    throwIfCancelled(signal);
    const begunAtMs = performance.now();
    const context = this.#layOut(request, around);
    const { state, tokensAdvanced, healing } = await this.#advance(homeOf(request.document), context, signal);
    const advancedMs = performance.now();
    const lineStart = lineStartIn(request.document, around);
    const isBegun = !isBlank(lineBefore(around.before));
    const generation = await generateLines(model, tokenizer, state, {
      healing,
      recall: () => this.#context.recallAt(request.document.uri, lineStart, isBegun),
      context: context.tokens.slice(0, context.tokens.length - healing.takenBack),
      leastLogProb,
      wantsMore: (text) => performance.now() - begunAtMs <= MOST_LINES_MS && wantsMore(text),
      signal,
    });
    const msDecoding = performance.now() - advancedMs;
    const contextTokens = state.tokenCount;
    return { ...generation, isWeighed: true, tokensAdvanced, contextTokens, begunAtMs, msDecoding };
  }

  async #readAhead(
    request: CompletionRequest,
    read: (cache: PrefixCache, tokens: readonly number[], signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    this.giveWay();
    this.#readingAhead = new AbortController();
    const signal = AbortSignal.any([this.#readingAhead.signal, this.#gone.signal]);
    try {
      await this.#inTurn(async () => {
        throwIfCancelled(signal);
        const { tokens } = this.#layOut(request, surroundingsOf(request));
        await read(this.#caches.of(homeOf(request.document)), tokens, signal);
      });
    } catch (cause) {
      if (!(cause instanceof Cancelled)) throw cause;
    }
  }

  #layOut({ document, others }: CompletionRequest, around: Surroundings): Context {
    const { model, tokenizer, root } = this.#context;
    const share = this.#share.at(model.tokensPerSecond);
    const context = this.#contexts.build(document, around, others, share);
    // What was read before has its beginning.
    if (root().state.tokenCount > 0) return context;
    return { ...context, tokens: [...tokenizer.beginning, ...context.tokens] };
  }

  /** To the cursor, or before the tokens that are healed. */
  async #advance(home: string, { tokens, healings }: Context, signal: AbortSignal) {
    const { model, root } = this.#context;
    const cache = this.#caches.of(home);
    if (healings.length === 0) return { ...(await cache.advance(root, tokens, signal)), healing: NO_HEALING };
    const { tokensAdvanced } = await cache.advance(root, tokens.slice(0, -1), signal);
    // After text was deleted, not every state before the last is there; what it would heal is then not looked at.
    const before = cache.statesBefore(tokens.length, Math.max(...healings.map(({ takenBack }) => takenBack)));
    const logProbs = await model.logProbs(before, { priority: "completion", signal });
    const healing = chooseHealing(healings, tokens, (count) => logProbs[tokens.length - 1 - count]);
    const state = healing.takenBack > 0 ? cache.stateAfter(tokens.length - healing.takenBack) : undefined;
    if (state) return { state, tokensAdvanced, healing };
    const whole = await cache.advance(root, tokens, signal);
    return { ...whole, tokensAdvanced: tokensAdvanced + whole.tokensAdvanced, healing: NO_HEALING };
  }

  async #inTurn<Result>(job: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(job);
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }
}
