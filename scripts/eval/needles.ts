/**
 * What a state remembers: numbers that stand once in a long repository are asked for many tokens later. A needle is one
 * number in a file of its own; dense recall asks for every one of a file full of them. With the exact memory and without.
 */
import type { Model, Recall, State } from "../../server/engine/engine.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import { type Estimate, mean, randomSource, shuffled } from "./random.ts";
import { advanced, scoresOf, type Text } from "./reading.ts";

const NEEDLES = 16;
const NEEDLE_SPACING_TOKENS = 1024;
/** From the first fact to the last. */
export const NEEDLE_TOKENS = NEEDLES * NEEDLE_SPACING_TOKENS;
const DENSE_FACTS = 32;
/** The nearest is inside the default attention window of 1,024 tokens. */
export const DISTANCES = [512, 8192, 32_768, 131_072, 262_144] as const;
const WORDS = "harbor meadow copper violet falcon timber canyon ember glacier lantern orchid pebble".split(
  " ",
);

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** All names differ; values are numbers of four digits. */
export function inventFacts(count: number, seed: number): Fact[] {
  const random = randomSource(seed);
  const pairs = WORDS.flatMap((first) => WORDS.map((second) => `${first}_${second}_limit`.toUpperCase()));
  return shuffled(pairs, random)
    .slice(0, count)
    .map((name) => ({ name, value: String(1000 + Math.floor(random() * 9000)) }));
}

export interface Event {
  readonly kind: "needle" | "dense";
  /** Tokens of the repository before it. */
  readonly at: number;
  readonly facts: readonly Fact[];
  /** Since the facts were read; undefined: they are read now. */
  readonly distance?: number;
}

/** The facts and the questions about them, in the order of the text. */
export function planEvents(needles: readonly Fact[], dense: readonly Fact[], longest: number): Event[] {
  const written: Event[] = [
    { kind: "dense", at: 0, facts: dense },
    ...needles.map((fact, i) => ({
      kind: "needle" as const,
      at: (i + 1) * NEEDLE_SPACING_TOKENS,
      facts: [fact],
    })),
  ];
  const asked = written.flatMap((event) =>
    DISTANCES.filter((distance) => distance <= longest).map((distance) => ({
      ...event,
      at: event.at + distance,
      distance,
    })),
  );
  return [...written, ...asked].sort((a, b) => a.at - b.at);
}

export interface NeedleFigures {
  readonly kind: Event["kind"];
  readonly distance: number;
  readonly recalled: boolean;
  readonly facts: number;
  /** Of the whole value; a guess is worth 1 in 9,000. */
  readonly probability: Estimate;
  /** Share of values that greedy decoding writes. */
  readonly exact: Estimate;
}

interface Asked {
  readonly kind: Event["kind"];
  readonly distance: number;
  readonly recalled: boolean;
  readonly probability: number;
  readonly exact: number;
}

export interface NeedleOptions {
  readonly stateHeads: number;
  readonly attentionWindow: number;
  readonly longest: number;
}

/** Walks through the texts once; every question starts from the state where it is asked and leaves no trace. */
export async function findNeedles(
  model: Model,
  tokenizer: Tokenizer,
  texts: readonly Text[],
  { stateHeads, attentionWindow, longest }: NeedleOptions,
): Promise<NeedleFigures[]> {
  const facts = inventFacts(NEEDLES + DENSE_FACTS, 11);
  const events = planEvents(facts.slice(0, NEEDLES), facts.slice(NEEDLES), longest);
  const filler = texts.flatMap(({ tokens }) => tokens);
  const last = events.at(-1)?.at ?? 0;
  if (filler.length < last) throw new Error(`${filler.length} tokens are read, but ${last} are needed.`);
  const walker = new Walker(model, tokenizer, model.initialState(stateHeads, attentionWindow), last * 2);
  const asked: Asked[] = [];
  let at = 0;
  for (const event of events) {
    await walker.read(filler.slice(at, event.at));
    at = event.at;
    if (event.distance === undefined) await walker.read(fileOf(tokenizer, event));
    else asked.push(...(await walker.ask(event, event.distance)));
  }
  walker[Symbol.dispose]();
  return needleFigures(asked);
}

function fileOf(tokenizer: Tokenizer, { kind, facts }: Event): number[] {
  const name = kind === "dense" ? "limits" : (facts[0]?.name.toLowerCase() ?? "");
  const text = facts.map((fact) => `${fact.name} = ${fact.value}\n`).join("");
  return [...fileHeader(tokenizer, `settings/${name}.py`), ...tokenizer.encode(text)];
}

class Walker implements Disposable {
  readonly #model: Model;
  readonly #tokenizer: Tokenizer;
  readonly #recall: Recall;
  #state: State;

  constructor(model: Model, tokenizer: Tokenizer, state: State, capacityTokens: number) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#recall = model.createRecall(capacityTokens, tokenizer.kinds);
    this.#state = state;
  }

  async read(tokens: readonly number[]): Promise<void> {
    if (tokens.length === 0) return;
    const after = await advanced(this.#model, this.#state, tokens);
    this.#state.dispose();
    this.#state = after;
    this.#recall.append(Int32Array.from(tokens));
  }

  async ask({ kind, facts }: Event, distance: number): Promise<Asked[]> {
    const answers: Asked[] = [];
    for (const fact of facts) {
      const question = [
        ...fileHeader(this.#tokenizer, "checks/limits.py"),
        ...this.#tokenizer.encode(`${fact.name} =`),
      ];
      const value = Int32Array.from(this.#tokenizer.encode(` ${fact.value}`));
      const state = await advanced(this.#model, this.#state, question);
      for (const recalled of [false, true]) {
        const memory = recalled ? this.#recall : undefined;
        const logProbs = await scoresOf(this.#model, state, value, memory, question);
        const exact = await this.#writes(state, value, question, memory);
        const probability = Math.exp(logProbs.reduce((sum, x) => sum + x, 0));
        answers.push({ kind, distance, recalled, probability, exact });
      }
      state.dispose();
    }
    return answers;
  }

  /** 1 if greedy decoding begins with the value. */
  async #writes(
    state: State,
    value: Int32Array,
    question: readonly number[],
    memory?: Recall,
  ): Promise<number> {
    const recall = memory && { recall: { memory, context: Int32Array.from(question) } };
    const { tokens, state: after } = await this.#model.generate(state, {
      priority: "background",
      maxTokens: value.length,
      temperature: 0,
      topP: 1,
      seed: 0,
      stopTokens: this.#tokenizer.lineEnds,
      ...recall,
    });
    after.dispose();
    return this.#tokenizer.decode(tokens) === this.#tokenizer.decode(value) ? 1 : 0;
  }

  [Symbol.dispose](): void {
    this.#state.dispose();
    this.#recall.dispose();
  }
}

function needleFigures(asked: readonly Asked[]): NeedleFigures[] {
  return (["needle", "dense"] as const).flatMap((kind) =>
    DISTANCES.flatMap((distance) =>
      [false, true].flatMap((recalled) => {
        const some = asked.filter(
          (one) => one.kind === kind && one.distance === distance && one.recalled === recalled,
        );
        if (some.length === 0) return [];
        const probability = mean(some.map((one) => one.probability));
        const exact = mean(some.map((one) => one.exact));
        return [{ kind, distance, recalled, facts: some.length, probability, exact }];
      }),
    ),
  );
}
