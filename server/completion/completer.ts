/** A completion from request to answer: worth asking, context, generate, clean; one at a time, the newest first. */
import type { CompletionFigures } from "../../protocol/messages.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Model, Recall } from "../engine/engine.ts";
import { Cancelled, throwIfCancelled } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import type { Log } from "../log.ts";
import type { Passages } from "../repository/passages.ts";
import type { SyntaxTrees } from "../syntax/trees.ts";
import { wholeCharacterOffset } from "./characters.ts";
import { type Context, ContextBuilder } from "./context.ts";
import { ContextShare } from "./contextShare.ts";
import { Finish } from "./finish.ts";
import { generateLines, shortened } from "./generate.ts";
import { chooseHealing, NO_HEALING } from "./healing.ts";
import type { Join } from "./join.ts";
import { lineEndOf } from "./lineEnds.ts";
import { isBlank, mayContinue, type Shape, shapeOf } from "./lines.ts";
import { type Offers, offersOf } from "./offers.ts";
import { AdaptivePause, pause } from "./pause.ts";
import { COSTS, type Costs, cutsOf, type Decoded, leastLogProb, lengthToShow } from "./policy.ts";
import { PrefixCache, type Root } from "./prefixCache.ts";
import { PrefixCaches } from "./prefixCaches.ts";
import type { CompletionAnswer, CompletionRequest, Surroundings } from "./request.ts";
import { homeOf, lineAfter, lineBefore, lineStartIn, replacedBy, surroundingsOf } from "./request.ts";
import { type Place, ShownCompletions } from "./shown.ts";
import { SnippetChoice } from "./snippets.ts";
import { reasonNotToAsk } from "./worthAsking.ts";

/** Further lines are decoded only within this time, since the person waits for all of them. */
const MOST_LINES_MS = 600;

export interface CompleterContext {
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
  readonly syntax: SyntaxTrees;
  readonly settings: () => Settings;
  /** Of texts that are wrong, in place of what the settings say. */
  readonly costs?: Costs | undefined;
  /** Told what was decoded while a person types, and where, before it is decided how much of it is shown. */
  readonly onDecoded?: ((decoded: Decoded, request: CompletionRequest) => void) | undefined;
  readonly log: Log;
}

interface Attempt {
  readonly request: CompletionRequest;
  readonly around: Surroundings;
  readonly startedMs: number;
  readonly signal: AbortSignal;
}

export class Completer {
  readonly #context: CompleterContext;
  readonly #contexts: ContextBuilder;
  readonly #share = new ContextShare();
  readonly #caches: PrefixCaches;
  readonly #shown = new ShownCompletions();
  readonly #pause = new AdaptivePause();
  /** The request under way for each document. */
  readonly #current = new Map<string, AbortController>();
  #readingAhead = new AbortController();
  /** Completions use the engine one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #lastFigures: CompletionFigures | null = null;
  #nextId = 1;

  constructor(context: CompleterContext) {
    this.#context = context;
    this.#contexts = new ContextBuilder(context.tokenizer, new SnippetChoice(context.passages));
    this.#caches = new PrefixCaches(context.model);
  }

  get lastFigures(): CompletionFigures | null {
    return this.#lastFigures;
  }

  /**
   * The likeliest first. Empty: there is nothing to offer, or nobody wants it any more. A newer request for the document
   * cancels this one.
   */
  async complete(request: CompletionRequest, signal?: AbortSignal): Promise<readonly CompletionAnswer[]> {
    this.#readingAhead.abort();
    const { uri } = request.document;
    const controller = new AbortController();
    this.#current.get(uri)?.abort();
    this.#current.set(uri, controller);
    const cancel = () => controller.abort();
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const startedMs = performance.now();
      return await this.#attempt({
        request,
        around: surroundingsOf(request),
        startedMs,
        signal: controller.signal,
      });
    } catch (cause) {
      if (cause instanceof Cancelled) return [];
      throw cause;
    } finally {
      signal?.removeEventListener("abort", cancel);
      if (this.#current.get(uri) === controller) this.#current.delete(uri);
    }
  }

  /**
   * Reads what a completion at this cursor would read first, so that the first one after a jump is as fast as the next ones.
   * Any request ends it, and finds what was read so far.
   */
  async readAhead(request: CompletionRequest): Promise<void> {
    await this.#readAhead(request, (cache, tokens, signal) =>
      cache.advance(this.#context.root, tokens, signal),
    );
  }

  /** The same from the repository's newest state; a request that ends it finds what was there before. */
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

  async #readAhead(
    request: CompletionRequest,
    read: (cache: PrefixCache, tokens: readonly number[], signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    this.#readingAhead.abort();
    this.#readingAhead = new AbortController();
    const { signal } = this.#readingAhead;
    try {
      await this.#inTurn(async () => {
        throwIfCancelled(signal);
        const around = surroundingsOf(request);
        // Whatever is on the line: a person may well begin another one here.
        if (this.#reasonNotToAsk({ ...request, manual: true }, around)) return;
        const { tokens } = this.#layOut(request, around);
        await read(this.#caches.of(homeOf(request.document)), tokens, signal);
      });
    } catch (cause) {
      if (!(cause instanceof Cancelled)) throw cause;
    }
  }

  dispose(): void {
    this.#readingAhead.abort();
    for (const controller of this.#current.values()) controller.abort();
    void this.#turn.finally(() => this.#caches.dispose());
  }

  async #attempt(attempt: Attempt): Promise<readonly CompletionAnswer[]> {
    const { request, around, signal } = attempt;
    const { document, manual } = request;
    const settings = this.#context.settings();
    const reason = this.#reasonNotToAsk(request, around);
    if (reason) return this.#offer(attempt, { joins: [], nothing: reason }, {});
    this.#context.syntax.follow({ ...document, text: around.before + around.after });
    using finish = new Finish(document, around, this.#context.syntax);
    const rest = this.#shown.remainders(this.#placeOf(attempt, settings));
    const rejoined = await Promise.all(rest.map((text) => finish.rejoin(text)));
    const joins = rejoined.filter(({ text }) => !isBlank(text));
    if (joins.length > 0) return this.#offer(attempt, { joins }, {});
    if (!manual && !settings.inComments && (await finish.isInComment()))
      return this.#offer(attempt, { joins, nothing: "the cursor is in a comment" }, {});
    if (!manual) await pause(this.#pause.lengthMs(settings.triggerDelayMs), signal);
    return await this.#inTurn(() => this.#compute(attempt, settings, finish));
  }

  #placeOf({ request, around }: Attempt, settings: Settings): Place {
    const { document, manual, others } = request;
    const { state } = this.#context.root();
    const costs = this.#costs(settings);
    return { uri: document.uri, around, manual, costs, basis: { state, settings, others } };
  }

  #costs({ suggestions }: Settings): Costs {
    return this.#context.costs ?? COSTS[suggestions];
  }

  #reasonNotToAsk(
    { document, manual, forbidden }: CompletionRequest,
    around: Surroundings,
  ): string | undefined {
    const { languageId } = document;
    const [before, after] = [lineBefore(around.before), lineAfter(around.after)];
    const question = { languageId, forbidden, lineBefore: before, lineAfter: after, manual };
    return reasonNotToAsk(question, this.#context.settings());
  }

  async #compute(attempt: Attempt, settings: Settings, finish: Finish): Promise<readonly CompletionAnswer[]> {
    const { request, around, signal } = attempt;
    const { model, tokenizer } = this.#context;
    throwIfCancelled(signal);
    const begunMs = performance.now();
    const place = this.#placeOf(attempt, settings);
    const context = this.#layOut(request, around);
    const shape = (text: string) => shapeOf(around, request.manual, text);
    const { state, tokensAdvanced, healing } = await this.#advance(homeOf(request.document), context, signal);
    const advancedMs = performance.now();
    const costs = this.#costs(settings);
    const lineStart = lineStartIn(request.document, around);
    const isBegun = !isBlank(lineBefore(around.before));
    const generating = generateLines(model, tokenizer, state, {
      healing,
      recall: () => this.#context.recallAt(request.document.uri, lineStart, isBegun),
      context: context.tokens.slice(0, context.tokens.length - healing.takenBack),
      leastLogProb: request.manual ? undefined : leastLogProb(costs),
      wantsMore: (text) => wantsMore(text, around, shape(text), settings.maxLines, begunMs),
      signal,
    });
    const [decoded] = await Promise.all([generating, finish.prepare()]);
    const cuts = request.manual ? [] : cutsOf(decoded, lineAfter(around.after));
    const generation = request.manual ? decoded : shortened(decoded, lengthToShow(cuts, costs));
    if (!request.manual) this.#context.onDecoded?.(decoded, request);
    throwIfCancelled(signal);
    this.#pause.noteLatency(performance.now() - begunMs);
    const figures = {
      tokensAdvanced,
      tokensDecoded: generation.tokensDecoded,
      msToFirstToken: generation.firstLineAtMs - attempt.startedMs,
      msDecoding: performance.now() - advancedMs,
      contextTokens: state.tokenCount,
    };
    const offers = await offersOf(generation, finish, shape);
    throwIfCancelled(signal);
    const texts = offers.joins.map(({ text }) => text);
    const isBeginning = texts[0] !== undefined && decoded.text.startsWith(texts[0]);
    this.#shown.add(place, texts, isBeginning ? cuts : []);
    return this.#offer(attempt, offers, figures);
  }

  #layOut({ document, others }: CompletionRequest, around: Surroundings): Context {
    return this.#contexts.build(
      document,
      around,
      others,
      this.#share.at(this.#context.model.tokensPerSecond),
    );
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

  #offer(
    attempt: Attempt,
    { joins, nothing }: Offers,
    figures: Partial<CompletionFigures>,
  ): readonly CompletionAnswer[] {
    const msTotal = performance.now() - attempt.startedMs;
    this.#lastFigures = {
      tokensAdvanced: 0,
      tokensDecoded: 0,
      msToFirstToken: msTotal,
      contextTokens: 0,
      ...figures,
      ...(nothing !== undefined && { nothing }),
      msTotal,
      characters: joins[0]?.text.length ?? 0,
    };
    this.#context.log.debug(describe(this.#lastFigures));
    const id = this.#nextId++;
    return joins.map((join, alternative) => ({ id, alternative, ...inDocument(attempt, join) }));
  }

  async #inTurn<Result>(job: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(job);
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }
}

/** In the document's own offsets and line ends. */
function inDocument({ request }: Attempt, join: Join): Omit<CompletionAnswer, "id" | "alternative"> {
  const { document, selected } = request;
  const { start, end } = replacedBy(request);
  return {
    insertText: (selected?.text ?? "") + join.text.replaceAll("\n", lineEndOf(document.text)),
    replaceStart: start,
    replaceEnd: wholeCharacterOffset(document.text, end + join.replaced),
  };
}

function wantsMore(
  text: string,
  around: Surroundings,
  shape: Shape,
  maxLines: number,
  begunMs: number,
): boolean {
  if (performance.now() - begunMs > MOST_LINES_MS) return false;
  // The last line is only begun: the line feed and perhaps its indentation.
  const lines = (lineBefore(around.before) + text).split("\n").slice(0, -1);
  return mayContinue(shape, lines, maxLines, around.tabSize);
}

function describe(figures: CompletionFigures): string {
  const { tokensAdvanced, tokensDecoded, msToFirstToken, msTotal, characters, nothing } = figures;
  const result = nothing ? `nothing: ${nothing}` : `${characters} characters`;
  return `Completion: ${tokensAdvanced} tokens advanced, ${tokensDecoded} decoded, first line ${msToFirstToken.toFixed(0)} ms, total ${msTotal.toFixed(0)} ms; ${result}.`;
}
