/** Completions that were shown, so that typing through one, or back again, costs nothing. */
import { hasOnlyClosers } from "./closers.ts";
import { lineAfter, type Surroundings } from "./request.ts";

const MOST_SHOWN = 16;

interface Shown extends Surroundings {
  readonly uri: string;
  readonly text: string;
}

export class ShownCompletions {
  /** The latest first. */
  #shown: Shown[] = [];

  add(shown: Shown): void {
    this.#shown = [shown, ...this.#shown].slice(0, MOST_SHOWN);
  }

  /** What is left of a completion whose beginning has been typed since; undefined when there is none. */
  remainder(uri: string, around: Surroundings): string | undefined {
    for (const shown of this.#shown) {
      if (shown.uri !== uri || around.before.length < shown.before.length) continue;
      if (!around.before.startsWith(shown.before) || !sameSuffix(shown.after, around.after)) continue;
      const typed = around.before.slice(shown.before.length);
      if (shown.text.length > typed.length && shown.text.startsWith(typed))
        return shown.text.slice(typed.length);
    }
    return undefined;
  }
}

/** An editor adds or overtypes closers to the right of the cursor; everything else must be as it was. */
function sameSuffix(before: string, now: string): boolean {
  if (before === now) return true;
  const restBefore = lineAfter(before);
  const restNow = lineAfter(now);
  if (!hasOnlyClosers(restBefore) || !hasOnlyClosers(restNow)) return false;
  return before.slice(restBefore.length) === now.slice(restNow.length);
}
