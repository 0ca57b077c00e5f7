/**
 * Where a completion ends, and how much of the text to its right it stands for. Of the few ways the one is taken after which
 * the document parses best, then the longest, then the one after which the brackets are best in balance, then the one that
 * repeats least of what stands there already.
 */
import { balanceOf, openAfter, unopened } from "./balance.ts";
import { type Closer, closersAhead, hasOnlyClosers, isPunctuation } from "./closers.ts";
import { lineAfter, lineBefore, type Surroundings } from "./request.ts";

export interface Join {
  readonly text: string;
  /** Characters to the right of the cursor that the text writes again, and takes the place of. */
  readonly replaced: number;
}

/** How well a document would be formed; 0 = without a fault, infinite where nobody knows. */
export type Cost = (join: Join) => number;

const LINES_COMPARED = 12;
/** Of the closers in a text that nothing in it opened: more are no code. */
const MOST_CLOSERS = 6;
const WORD = /[\p{L}\p{N}_$]/u;

/** `costOf` is asked only where there is a choice; without it, where there is no tree, the characters decide. */
export async function joined(
  text: string,
  around: Surroundings,
  isProse: boolean,
  costOf: () => Promise<Cost | undefined>,
): Promise<Join> {
  const rest = lineAfter(around.after).trimEnd();
  const [first, ...others] = waysToJoin(withoutFollowingLines(text, around), rest, isProse);
  if (!first) return { text, replaced: 0 };
  return others.length === 0 ? first : best([first, ...others], around, rest, await costOf());
}

function best(joins: readonly Join[], around: Surroundings, rest: string, costOf?: Cost): Join {
  const line = lineBefore(around.before);
  const above = around.before.slice(0, around.before.length - line.length);
  const open = openAfter(above);
  const { openAbove: openWithout } = balanceOf(open, line + rest);
  let chosen: Join | undefined;
  let least: readonly number[] = [];
  for (const join of joins) {
    const balance = balanceOf(open, `${line}${join.text}${rest.slice(join.replaced)}`);
    // What the rest closes of the lines above stays closed.
    const uneven = balance.uneven + Math.max(0, balance.openAbove - openWithout);
    const cost = costOf?.(join) ?? Number.POSITIVE_INFINITY;
    // Who knows the grammar knows which closers belong.
    const costs = [cost, Number.isFinite(cost) ? 0 : balance.foreign, -join.text.length, uneven];
    if (!chosen || isLess(costs, least)) [chosen, least] = [join, costs];
    if (cost === 0 && uneven === 0) break;
  }
  return chosen ?? { text: "", replaced: 0 };
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

/** The likelier first. In prose a closer needs no opener: "1)". */
function waysToJoin(text: string, rest: string, isProse: boolean): Join[] {
  const ends = isProse ? [text.length] : [text.length, ...unopened(text).slice(0, MOST_CLOSERS).reverse()];
  const again = beginningOfRest(text, rest);
  if (again >= 0) ends.push(again);
  const complete = endOfClosers(text, rest);
  if (complete > 0 && complete < text.length) ends.push(complete);
  return ends.flatMap((end) => {
    const kept = text.slice(0, end);
    return replaceable(kept, rest).map((replaced) => ({ text: kept, replaced }));
  });
}

/** How much of the rest of the line the text may stand for: nothing is taken away that it does not write again. */
function replaceable(text: string, rest: string): number[] {
  const isAllClosers = hasOnlyClosers(rest);
  const written = closersWritten(text, rest).map(({ closer }) => closer);
  const other = isAllClosers ? -1 : written.findIndex(isPunctuation);
  const ends = written.slice(0, other < 0 ? undefined : other).map(({ end }) => end);
  const lengths = [0, ...ends].reverse();
  if (!lengths.includes(rest.length) && writesAgain(text, rest)) lengths.unshift(rest.length);
  const overlap = overlapOf(text, rest);
  if (!lengths.includes(overlap)) lengths.unshift(overlap);
  return lengths;
}

/** Every word and sign of the rest, in its order. */
function writesAgain(text: string, rest: string): boolean {
  let at = 0;
  for (const token of tokensOf(rest)) {
    at = indexOfToken(text, token, at);
    if (at < 0) return false;
    at += token.length;
  }
  return true;
}

/** The text's end that the rest begins with. */
function overlapOf(text: string, rest: string): number {
  for (let length = Math.min(text.length, rest.length); length > 0; length--) {
    if (/\w\w/.test(rest.slice(length - 1, length + 1))) continue;
    if (text.endsWith(rest.slice(0, length))) return length;
  }
  return 0;
}

/** Where the text says what the rest of the line says, and may go on otherwise; -1 where it does not. */
function beginningOfRest(text: string, rest: string): number {
  const [first] = tokensOf(rest);
  if (first === undefined || hasOnlyClosers(first)) return -1;
  return indexOfToken(text, first, 0);
}

/** Where the text has written all closers to the right, and so may end; -1 where it has not, or there are none. */
function endOfClosers(text: string, rest: string): number {
  if (!hasOnlyClosers(rest)) return -1;
  const last = closersWritten(text, rest).at(-1);
  return last?.closer.end === rest.length ? last.end : -1;
}

/** The closers to the right, as far as the text writes them in their order, and where in the text each of them ends. */
function closersWritten(text: string, rest: string): { readonly closer: Closer; readonly end: number }[] {
  const written: { closer: Closer; end: number }[] = [];
  let end = 0;
  for (const closer of closersAhead(rest)) {
    const at = text.indexOf(closer.text, end);
    if (at < 0) break;
    end = at + closer.text.length;
    written.push({ closer, end });
  }
  return written;
}

function tokensOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}_$]+|[^\s\p{L}\p{N}_$]/gu) ?? [];
}

function indexOfToken(text: string, token: string, from: number): number {
  const isWord = WORD.test(token);
  for (let at = text.indexOf(token, from); at >= 0; at = text.indexOf(token, at + 1)) {
    const isPart = WORD.test(text.charAt(at - 1)) || WORD.test(text.charAt(at + token.length));
    if (!isWord || !isPart) return at;
  }
  return -1;
}

/** Without last lines that stand below the cursor already, to the character. */
function withoutFollowingLines(text: string, { after }: Surroundings): string {
  const lines = text.trimEnd().split("\n");
  if (lines.length === 1) return text;
  const following = after
    .slice(lineAfter(after).length)
    .split("\n", LINES_COMPARED + 2)
    .filter((line) => line.trim() !== "")
    .map((line) => line.trimEnd());
  for (let first = 1; first < lines.length; first++) {
    const tail = lines.slice(first).filter((line) => line.trim() !== "");
    if (tail.length > 0 && tail.every((line, i) => line.trimEnd() === following[i]))
      return lines.slice(0, first).join("\n");
  }
  return text;
}
