/** Which hybrid ratio to take, and why, in words. */
import type { RatioFigures } from "../../protocol/benchmark.ts";
import { bytes, milliseconds } from "../../protocol/words.ts";

/** Bits a byte that nobody would feel: the cheaper of two that are so close is the better. */
const NEGLIGIBLE_BITS = 0.005;

export interface Budgets {
  readonly latencyBudgetMs: number;
  readonly memoryBudgetBytes: number;
}

export interface Choice {
  readonly best: number;
  readonly explanation: string;
}

export function adviseRatio(all: readonly RatioFigures[], budgets: Budgets): Choice {
  const fitting = all.filter((figures) => isWithin(figures, budgets));
  const chosen = fitting.length > 0 ? mostWorth(fitting) : cheapest(all);
  const sentences = [
    fitting.length > 0 ? worthSentence(chosen, fitting, all, budgets) : overSentence(chosen, budgets),
    costSentence(chosen),
    betterSentence(chosen, all, budgets),
    thriftSentence(chosen, all),
  ];
  return { best: chosen.hybridRatio, explanation: sentences.filter((one) => one !== "").join(" ") };
}

function isWithin(figures: RatioFigures, { latencyBudgetMs, memoryBudgetBytes }: Budgets): boolean {
  return figures.completionMs <= latencyBudgetMs && memoryOf(figures) <= memoryBudgetBytes;
}

/** Fewest bits a byte; of those as good as that, the one with the most state. */
function mostWorth(all: readonly RatioFigures[]): RatioFigures {
  const fewest = Math.min(...all.map(({ bitsPerByte }) => bitsPerByte));
  return cheapest(all.filter(({ bitsPerByte }) => bitsPerByte <= fewest + NEGLIGIBLE_BITS));
}

function cheapest(all: readonly RatioFigures[]): RatioFigures {
  const [first, ...others] = all;
  if (!first) throw new Error("No ratio was measured.");
  return others.reduce((best, one) => (one.hybridRatio > best.hybridRatio ? one : best), first);
}

function worthSentence(
  chosen: RatioFigures,
  fitting: readonly RatioFigures[],
  all: readonly RatioFigures[],
  budgets: Budgets,
): string {
  const bits = `${chosen.bitsPerByte.toFixed(3)} bits a byte on a sample of this repository`;
  const among =
    fitting.length === all.length
      ? `the best of the ${all.length} ratios, all within ${spoken(budgets)}`
      : `the best of the ${fitting.length} of ${all.length} ratios that stay within ${spoken(budgets)}`;
  const tie = fitting.some((one) => one.bitsPerByte < chosen.bitsPerByte);
  return `Ratio ${chosen.hybridRatio} has ${bits}: ${among}${tie ? ", up to a difference that nobody would notice" : ""}.`;
}

function overSentence(chosen: RatioFigures, budgets: Budgets): string {
  return `No ratio stays within ${spoken(budgets)} on this machine; ratio ${chosen.hybridRatio} takes the least memory.`;
}

function costSentence(chosen: RatioFigures): string {
  return `It takes ${bytes(memoryOf(chosen))} of memory and ${milliseconds(chosen.completionMs)} for a completion.`;
}

/** A ratio that predicts better and is too dear. */
function betterSentence(chosen: RatioFigures, all: readonly RatioFigures[], budgets: Budgets): string {
  const better = all.filter(
    (one) => !isWithin(one, budgets) && one.bitsPerByte < chosen.bitsPerByte - NEGLIGIBLE_BITS,
  );
  if (better.length === 0) return "";
  const one = mostWorth(better);
  const price =
    one.completionMs > budgets.latencyBudgetMs
      ? `${milliseconds(one.completionMs)} for a completion`
      : `${bytes(memoryOf(one))} of memory`;
  return `Ratio ${one.hybridRatio} would have ${one.bitsPerByte.toFixed(3)}, but takes ${price}.`;
}

/** What the ratio with the most state would save, and what that would cost. */
function thriftSentence(chosen: RatioFigures, all: readonly RatioFigures[]): string {
  const thrifty = cheapest(all);
  if (thrifty.hybridRatio === chosen.hybridRatio) return "";
  const more = thrifty.bitsPerByte - chosen.bitsPerByte;
  return `Ratio ${thrifty.hybridRatio} would take ${bytes(memoryOf(thrifty))} and ${milliseconds(thrifty.completionMs)}, at ${more.toFixed(3)} bits a byte more.`;
}

function memoryOf({ stateBytes, kvBytes }: RatioFigures): number {
  return stateBytes + kvBytes;
}

function spoken({ latencyBudgetMs, memoryBudgetBytes }: Budgets): string {
  return `${milliseconds(latencyBudgetMs)} and ${bytes(memoryBudgetBytes)}`;
}
