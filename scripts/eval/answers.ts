/** Answers at places, of any model, and what they are worth. */

import { distance } from "fastest-levenshtein";
import { commonPrefix } from "../../server/completion/characters.ts";
import { quantiles } from "../../server/measure/statistics.ts";
import type { Language } from "./languages.ts";
import { LANGUAGES } from "./languages.ts";
import { KINDS, type Kind, type Place } from "./places.ts";
import { type Estimate, mean } from "./random.ts";

/** Slow models are asked at the first places of each kind and repository only, and compared there. */
export const COMPARED_PLACES = 6;

export interface Answer {
  readonly kind: Kind;
  readonly nth: number;
  readonly language: Language;
  readonly repository: string;
  readonly path: string;
  readonly rest: string;
  /** To the end of the line; empty when there was none. */
  readonly answer: string;
  readonly ms: number;
  /** Where the cursor had rested at the line's beginning; absent for models that read nothing ahead. */
  readonly restedMs?: number;
}

export function answerTo(
  { kind, nth, language, path, rest }: Place,
  repository: string,
  answer: Pick<Answer, "answer" | "ms" | "restedMs">,
): Answer {
  return { kind, nth, language, repository, path, rest, ...answer };
}

export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

export interface AnswerFigures {
  readonly kind: Kind;
  readonly language: Language | "all";
  readonly places: number;
  readonly exactMatch: Estimate;
  /** 1 - Levenshtein distance / the longer length. */
  readonly editSimilarity: Estimate;
  /** Characters of the answer before the first wrong one. */
  readonly charactersRight: Estimate;
  /** Of a request: characters right less those to delete again; nothing is saved where that is negative. */
  readonly charactersSaved: Estimate;
  readonly ms: Spread;
  readonly restedMs?: Spread;
}

/** Of each kind: together and by language, where there are answers. */
export function answerFigures(all: readonly Answer[]): AnswerFigures[] {
  return KINDS.flatMap((kind) =>
    (["all", ...LANGUAGES] as const).flatMap((language) => {
      const some = all.filter(
        (one) => one.kind === kind && (language === "all" || one.language === language),
      );
      return some.length === 0 ? [] : [{ kind, language, ...figuresOf(some) }];
    }),
  );
}

export function figuresOf(answers: readonly Answer[]): Omit<AnswerFigures, "kind" | "language"> {
  const rested = answers.flatMap(({ restedMs }) => restedMs ?? []);
  return {
    places: answers.length,
    exactMatch: mean(answers.map(isExact)),
    editSimilarity: mean(
      answers.map(({ rest, answer }) => 1 - distance(rest, answer) / Math.max(rest.length, answer.length)),
    ),
    charactersRight: mean(answers.map(({ rest, answer }) => commonPrefix(rest, answer))),
    charactersSaved: mean(answers.map((one) => Math.max(0, netCharacters(one)))),
    ms: spread(answers.map(({ ms }) => ms)),
    ...(rested.length > 0 && { restedMs: spread(rested) }),
  };
}

function spread(values: readonly number[]): Spread {
  const { p50, p95 } = quantiles(values);
  return { p50, p95 };
}

/** Where the other model was asked as well, and for the same rest of a line. */
export function sharedWith(others: readonly Answer[], answers: readonly Answer[]): Answer[] {
  const key = ({ kind, repository, path, rest }: Answer): string =>
    JSON.stringify([kind, repository, path, rest]);
  const known = new Set(others.map(key));
  return answers.filter((one) => known.has(key(one)));
}

export function compared(answers: readonly Answer[]): Answer[] {
  return answers.filter(({ nth }) => nth < COMPARED_PLACES);
}

/** Those of a model that reads ahead, with the times of a cursor that had rested. */
export function rested(answers: readonly Answer[]): Answer[] {
  return answers.map((one) => ({ ...one, ms: one.restedMs ?? one.ms }));
}

/** As a person sees it who waits no longer than this. */
export function within(budgetMs: number, answers: readonly Answer[]): Answer[] {
  return answers.map((one) => (one.ms <= budgetMs ? one : { ...one, answer: "" }));
}

/** Of what the product shows unasked: a line as far as it is likely, or nothing. */
export interface Offered {
  readonly offeredShare: number;
  /** Of those offered, the rest of the line to its end. */
  readonly exactShare: number;
  /** Of those offered, right to where they end. */
  readonly rightShare: number;
  /** Characters right less those wrong, a request. */
  readonly netCharacters: Estimate;
}

export function offeredFigures(all: readonly Answer[]): Offered {
  const offered = all.filter(({ answer }) => answer !== "");
  const shareOf = (is: (one: Answer) => boolean) => offered.filter(is).length / offered.length;
  return {
    offeredShare: offered.length / all.length,
    exactShare: shareOf((one) => isExact(one) === 1),
    rightShare: shareOf(({ rest, answer }) => rest.startsWith(answer)),
    netCharacters: mean(all.map(netCharacters)),
  };
}

function isExact({ rest, answer }: Answer): number {
  return rest === answer ? 1 : 0;
}

function netCharacters({ rest, answer }: Answer): number {
  const right = commonPrefix(rest, answer);
  return right - (answer.length - right);
}
