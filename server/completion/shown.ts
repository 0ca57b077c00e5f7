/**
 * Completions that were shown, so that typing through one, or back again, costs nothing. They hold only while what they rest
 * on is the same, and a request by key is answered from what was asked for by key: what is shown while typing may be cut.
 */
import type { Settings } from "../../protocol/settings.ts";
import type { State } from "../engine/engine.ts";
import { hasOnlyClosers } from "./closers.ts";
import { type Costs, type Cut, lengthAfterRefusal } from "./policy.ts";
import { lineAfter, type OpenDocument, type Surroundings, sameTexts } from "./request.ts";

const MOST_SHOWN = 16;

/** What a completion rests on besides its own document. */
export interface Basis {
  /** The repository's. */
  readonly state: State;
  readonly settings: Settings;
  readonly others: readonly OpenDocument[];
}

export interface Place {
  readonly uri: string;
  readonly around: Surroundings;
  readonly manual: boolean;
  readonly costs: Costs;
  readonly basis: Basis;
}

interface Shown extends Place {
  /** The likeliest first. */
  readonly texts: readonly string[];
  /** Where the likeliest may end; none where it is shown whole or not at all. */
  readonly cuts: readonly Cut[];
}

export class ShownCompletions {
  /** The latest first. */
  #shown: readonly Shown[] = [];

  /** "last": for where the others stop being right. */
  add(
    place: Place,
    texts: readonly string[],
    cuts: readonly Cut[] = [],
    order: "first" | "last" = "first",
  ): void {
    if (texts.length === 0) return;
    const [one, others] = [{ ...place, texts, cuts }, this.#shown.slice(0, MOST_SHOWN - 1)];
    this.#shown = order === "first" ? [one, ...others] : [...others, one];
  }

  /**
   * What is left of completions whose beginning has been typed since; nothing when there is none. Of one that was read and not
   * taken it may be less from now on.
   */
  remainders({ uri, around, manual, costs, basis }: Place): readonly string[] {
    this.#shown = this.#shown.filter((shown) => shown.uri !== uri || isSame(shown.basis, basis));
    for (const shown of this.#shown) {
      if (shown.uri !== uri || (manual && !shown.manual)) continue;
      const { before, after } = shown.around;
      if (!around.before.startsWith(before) || !sameSuffix(after, around.after)) continue;
      const typed = around.before.slice(before.length);
      const texts = afterRefusal(shown, typed, costs);
      const left = texts.filter((text) => text.length > typed.length && text.startsWith(typed));
      if (left.length === 0) continue;
      // What is shorter now stays so.
      this.#shown = this.#shown.map((one) => (one === shown ? { ...shown, texts } : one));
      return left.map((text) => text.slice(typed.length));
    }
    return [];
  }
}

function afterRefusal(
  { texts: [first = "", ...others], cuts }: Shown,
  typed: string,
  costs: Costs,
): string[] {
  const length = first.startsWith(typed)
    ? lengthAfterRefusal(cuts, typed.length, first.length, costs)
    : first.length;
  return [first.slice(0, length), ...others];
}

function isSame(a: Basis, b: Basis): boolean {
  if (a === b) return true;
  if (a.state !== b.state) return false;
  if (a.settings !== b.settings && JSON.stringify(a.settings) !== JSON.stringify(b.settings)) return false;
  return sameTexts(a.others, b.others);
}

/** An editor adds or overtypes closers to the right of the cursor; everything else must be as it was. */
export function sameSuffix(before: string, now: string): boolean {
  if (before === now) return true;
  const restBefore = lineAfter(before);
  const restNow = lineAfter(now);
  if (!hasOnlyClosers(restBefore) || !hasOnlyClosers(restNow)) return false;
  return before.slice(restBefore.length) === now.slice(restNow.length);
}
