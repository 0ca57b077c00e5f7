/** A completion from request to answer: worth asking, written, how much of it is shown, finished; the newest first. */
import type { CompletionFigures } from "../../protocol/messages.ts";
import type { Settings } from "../../protocol/settings.ts";
import { Cancelled, type State, throwIfCancelled } from "../engine/engine.ts";
import { type Log, reasonOf } from "../log.ts";
import type { SyntaxTrees } from "../syntax/trees.ts";
import { wholeCharacterOffset } from "./characters.ts";
import { Finish } from "./finish.ts";
import { shortened } from "./generate.ts";
import type { Join } from "./join.ts";
import { lineEndOf } from "./lineEnds.ts";
import { isBlank, mayContinue, type Shape, shapeOf } from "./lines.ts";
import { type Offers, offersOf } from "./offers.ts";
import { AdaptivePause, pause } from "./pause.ts";
import { COSTS, type Costs, type Cut, cutsOf, type Decoded, leastLogProb, lengthToShow } from "./policy.ts";
import { type BetterJob, Relay } from "./relay.ts";
import type { CompletionAnswer, CompletionRequest, Surroundings } from "./request.ts";
import { lineAfter, lineBefore, replacedBy, surroundingsOf } from "./request.ts";
import { type Place, ShownCompletions, sameSuffix } from "./shown.ts";
import { reasonNotToAsk } from "./worthAsking.ts";
import type { ReadingWriter, Writer } from "./writer.ts";

export interface CompleterContext {
  /** Who answers first now. */
  readonly writer: () => ReadingWriter;
  /** Its repository's state now: while it is the same, what was written after it holds. */
  readonly state: () => State;
  /** Who writes better and takes longer, while there is one. */
  readonly better?: (() => Writer | undefined) | undefined;
  /** A better text than the one that is shown at this request's place came after the answer: asking again answers with it. */
  readonly onBetter?: ((request: CompletionRequest) => void) | undefined;
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

/** What one of the writers came to. */
interface Outcome {
  readonly place: Place;
  readonly offers: Offers;
  /** Where the likeliest text may end. */
  readonly cuts: readonly Cut[];
  readonly figures: Partial<CompletionFigures>;
  /** Of performance.now(). */
  readonly begunAtMs: number;
}

export class Completer {
  readonly #context: CompleterContext;
  readonly #shown = new ShownCompletions();
  readonly #pause = new AdaptivePause();
  readonly #relay = new Relay<Outcome, Attempt>(goesOn);
  /** The request under way for each document. */
  readonly #current = new Map<string, AbortController>();
  /** The latest one that was worth asking. */
  #latest: Attempt | undefined;
  #lastFigures: CompletionFigures | null = null;
  #nextId = 1;

  constructor(context: CompleterContext) {
    this.#context = context;
  }

  get lastFigures(): CompletionFigures | null {
    return this.#lastFigures;
  }

  /**
   * The likeliest first. Empty: there is nothing to offer, or nobody wants it any more. A newer request for the document
   * cancels this one.
   */
  async complete(request: CompletionRequest, signal?: AbortSignal): Promise<readonly CompletionAnswer[]> {
    this.#context.writer().giveWay();
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

  /** Whatever is on the line: a person may well begin another one here. */
  mayBeAsked(request: CompletionRequest): boolean {
    return !this.#reasonNotToAsk({ ...request, manual: true }, surroundingsOf(request));
  }

  /** The person cannot see its answer any more. */
  noteClosed(uri: string): void {
    if (this.#latest?.request.document.uri !== uri) return;
    this.#relay.giveUp();
    this.#latest = undefined;
  }

  /** Nobody wants an answer any more of what was asked so far. */
  giveUp(): void {
    for (const controller of this.#current.values()) controller.abort();
    this.#relay.giveUp();
  }

  async #attempt(attempt: Attempt): Promise<readonly CompletionAnswer[]> {
    const { request, around, signal } = attempt;
    const { document, manual } = request;
    const settings = this.#context.settings();
    const reason = this.#reasonNotToAsk(request, around);
    if (reason) return this.#offer(attempt, { joins: [], nothing: reason }, {});
    this.#context.syntax.follow({ ...document, text: around.before + around.after });
    this.#latest = attempt;
    using finish = new Finish(document, around, this.#context.syntax);
    const rest = this.#shown.remainders(this.#placeOf(attempt, settings));
    const rejoined = await Promise.all(rest.map((text) => finish.rejoin(text)));
    const joins = rejoined.filter(({ text }) => !isBlank(text));
    if (joins.length > 0) {
      this.#relay.typedOn(this.#betterJob(attempt, settings));
      return this.#offer(attempt, { joins }, {});
    }
    if (!manual && !settings.inComments && (await finish.isInComment()))
      return this.#offer(attempt, { joins, nothing: "the cursor is in a comment" }, {});
    if (!manual) await pause(this.#pause.lengthMs(settings.triggerDelayMs), signal);
    return await this.#compute(attempt, settings, finish);
  }

  #placeOf({ request, around }: Attempt, settings: Settings): Place {
    const { document, manual, others } = request;
    const basis = { state: this.#context.state(), settings, others };
    return { uri: document.uri, around, manual, costs: this.#costs(settings), basis };
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
    const { signal } = attempt;
    throwIfCancelled(signal);
    const quick = this.#context.writer();
    const job = {
      ...this.#betterJob(attempt, settings),
      quick: async (ends: AbortSignal) => {
        const outcome = await this.#ask(quick, attempt, settings, finish, ends);
        this.#pause.noteLatency(performance.now() - outcome.begunAtMs);
        return outcome;
      },
    };
    const first = await this.#relay.first(job, signal).catch((cause: unknown) => {
      // Its model made room for another one, which is asked instead.
      if (cause instanceof Cancelled && !signal.aborted && this.#context.writer() !== quick) return undefined;
      throw cause;
    });
    if (!first) return await this.#compute(attempt, settings, finish);
    throwIfCancelled(signal);
    const { place, offers, cuts, figures } = first;
    this.#shown.add(place, textsOf(offers), cuts);
    return this.#offer(attempt, offers, figures);
  }

  #betterJob(attempt: Attempt, settings: Settings): BetterJob<Outcome, Attempt> {
    const { better, log } = this.#context;
    const writer = better?.();
    return {
      ...{ place: attempt, startedMs: attempt.startedMs, byKey: attempt.request.manual },
      better: writer && ((ends) => this.#askBetter(writer, attempt, settings, ends)),
      onLate: (late) => this.#takeLate(attempt, late),
      onFailed: (cause) => log.debug(`The better text does not come: ${reasonOf(cause)}`),
    };
  }

  async #ask(
    writer: Writer,
    attempt: Attempt,
    settings: Settings,
    finish: Finish,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { request, around, startedMs } = attempt;
    const { manual } = request;
    const place = this.#placeOf(attempt, settings);
    const { costs } = place;
    const shape = (text: string) => shapeOf(around, manual, text);
    const wantsMore = (text: string) => mayGoOn(text, around, shape(text), settings.maxLines);
    const mayFit = (text: string) => this.#mayFit(text, attempt);
    const least = manual ? undefined : leastLogProb(costs);
    const [written] = await Promise.all([
      writer.write({ request, around, wantsMore, mayFit, leastLogProb: least, signal }),
      finish.prepare(),
    ]);
    const isCutAnywhere = !manual && written.isWeighed;
    const cuts = isCutAnywhere ? cutsOf(written, lineAfter(around.after)) : [];
    const generation = isCutAnywhere ? shortened(written, lengthToShow(cuts, costs)) : written;
    if (isCutAnywhere) this.#context.onDecoded?.(written, request);
    throwIfCancelled(signal);
    const figures = {
      tokensAdvanced: written.tokensAdvanced,
      tokensDecoded: written.tokensDecoded,
      msToFirstToken: written.firstLineAtMs - startedMs,
      msDecoding: written.msDecoding,
      contextTokens: written.contextTokens,
    };
    const offers = await offersOf(generation, finish, shape);
    throwIfCancelled(signal);
    const [first] = textsOf(offers);
    const isBeginning = first !== undefined && written.text.startsWith(first);
    return { place, offers, cuts: isBeginning ? cuts : [], figures, begunAtMs: written.begunAtMs };
  }

  /** undefined: nothing to offer. */
  async #askBetter(
    writer: Writer,
    attempt: Attempt,
    settings: Settings,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { request, around } = attempt;
    // It may outlive the request.
    using finish = new Finish(request.document, around, this.#context.syntax);
    const outcome = await this.#ask(writer, attempt, settings, finish, signal);
    return outcome.offers.joins.length > 0 ? outcome : undefined;
  }

  /** Whether a text that begins so, asked for there, may be right by what was typed since. */
  #mayFit(text: string, attempt: Attempt): boolean {
    const typed = this.#latest && typedSince(this.#latest, attempt);
    return typed === undefined || text.startsWith(typed) || typed.startsWith(text);
  }

  /**
   * A better text than the answer, after it. It takes the place of what is shown where nothing was typed since; else what is
   * being read stays, and the better text waits for where the other one stops being right. Whether it fits what was typed.
   */
  #takeLate(attempt: Attempt, { offers, cuts, ...outcome }: Outcome): boolean {
    // The repository's state may have gone on meanwhile: what comes so late does not expire with it.
    const basis = { ...outcome.place.basis, state: this.#context.state() };
    const place = { ...outcome.place, basis };
    const latest = this.#latest;
    const texts = textsOf(offers);
    if (latest?.request.document.uri !== place.uri) {
      this.#shown.add(place, texts, cuts, "last");
      return true;
    }
    const now = this.#placeOf(latest, this.#context.settings());
    const [before] = this.#shown.remainders(now);
    this.#shown.add(place, texts, cuts, isSamePlace(latest, attempt) ? "first" : "last");
    const [after] = this.#shown.remainders(now);
    if (after !== undefined && after !== before) this.#context.onBetter?.(latest.request);
    const typed = typedSince(latest, attempt);
    return typed !== undefined && texts.some((text) => text.startsWith(typed));
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
}

function textsOf({ joins }: Offers): readonly string[] {
  return joins.map(({ text }) => text);
}

function isSamePlace({ around: a }: Attempt, { around: b }: Attempt): boolean {
  return a.before === b.before && a.after === b.after;
}

function goesOn(now: Attempt, before: Attempt): boolean {
  return now.request.manual === before.request.manual && typedSince(now, before) !== undefined;
}

/** undefined: something else was done than to type on in the same line. */
function typedSince(now: Attempt, before: Attempt): string | undefined {
  const isSameDocument = now.request.document.uri === before.request.document.uri;
  if (!isSameDocument || !now.around.before.startsWith(before.around.before)) return undefined;
  if (!sameSuffix(before.around.after, now.around.after)) return undefined;
  return now.around.before.slice(before.around.before.length);
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

function mayGoOn(text: string, around: Surroundings, shape: Shape, maxLines: number): boolean {
  // The last line is only begun: the line feed and perhaps its indentation.
  const lines = (lineBefore(around.before) + text).split("\n").slice(0, -1);
  return mayContinue(shape, lines, maxLines, around.tabSize);
}

function describe(figures: CompletionFigures): string {
  const { tokensAdvanced, tokensDecoded, msToFirstToken, msTotal, characters, nothing } = figures;
  const result = nothing ? `nothing: ${nothing}` : `${characters} characters`;
  return `Completion: ${tokensAdvanced} tokens advanced, ${tokensDecoded} decoded, first line ${msToFirstToken.toFixed(0)} ms, total ${msTotal.toFixed(0)} ms; ${result}.`;
}
