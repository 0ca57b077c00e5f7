/** A policy on decoded edits, with the accounting of replayed ones: a text is taken if all of it is right, and costs one key. */
import { clean } from "../../../server/completion/clean.ts";
import { isBlank, shapeOf } from "../../../server/completion/lines.ts";
import {
  type Costs,
  type Cut,
  cutsOf,
  lengthAfterRefusal,
  lengthToShow,
} from "../../../server/completion/policy.ts";
import type { DecodedEdit, DecodedHere, DecodedKey } from "./decodings.ts";

export interface Figures {
  readonly keys: number;
  readonly keysSaved: number;
  readonly shownPer100Keys: number;
  readonly acceptedShare: number;
  readonly charactersAnAcceptance: number;
}

/** A text with the beginnings of it that may be shown in its place. */
export interface Choice {
  readonly text: string;
  readonly cuts: readonly Cut[];
}

export interface Policy {
  readonly choose: (decoded: DecodedHere) => Choice;
  /** Characters of the text, of which so many are typed, to show from now on. */
  readonly afterRefusal: (choice: Choice, typed: number) => number;
}

export function policyOf(costs: Costs): Policy {
  return {
    choose: (decoded) => {
      const cuts = cutsOf(decoded, decoded.lineAfter);
      const length = lengthToShow(cuts, costs);
      return { text: cleaned(decoded, decoded.text.slice(0, length)), cuts };
    },
    afterRefusal: ({ text, cuts }, typed) => lengthAfterRefusal(cuts, typed, text.length, costs),
  };
}

/** As the product cleans it; what depends on the text to the right or below is left as it is. */
export function cleaned({ lineBefore, lineAfter, previousLine }: DecodedHere, text: string): string {
  const around = { before: `${previousLine}\n${lineBefore}`, after: lineAfter };
  if (isBlank(text)) return "";
  return clean({ text, lineBefore, shape: shapeOf(around, false, text), isOpen: false }).text;
}

interface Count {
  keysAlone: number;
  keys: number;
  shown: number;
  accepted: number;
  characters: number;
}

export function simulate(edits: readonly DecodedEdit[], policy: Policy): Figures {
  const count: Count = { keysAlone: 0, keys: 0, shown: 0, accepted: 0, characters: 0 };
  for (const edit of edits) new Typist(edit, policy, count).type();
  return {
    keys: count.keysAlone,
    keysSaved: 1 - count.keys / count.keysAlone,
    shownPer100Keys: (100 * count.shown) / count.keysAlone,
    acceptedShare: count.accepted / count.shown,
    charactersAnAcceptance: count.characters / count.accepted,
  };
}

class Typist {
  readonly #edit: DecodedEdit;
  readonly #policy: Policy;
  readonly #count: Count;
  #standing: (Choice & { readonly from: number }) | undefined;

  constructor(edit: DecodedEdit, policy: Policy, count: Count) {
    this.#edit = edit;
    this.#policy = policy;
    this.#count = count;
  }

  type(): void {
    const { keys } = this.#edit;
    for (const key of keys) this.#count.keysAlone += key.keys;
    let i = 0;
    while (i < keys.length) {
      this.#count.keys += keys[i]?.keys ?? 0;
      // An acceptance asks at once; what it wrote is not typed.
      for (let key = keys[i]; key; key = keys[i]) {
        const end = this.#look(key);
        i++;
        if (end === undefined) break;
        this.#count.keys++;
        while (i < keys.length && (keys[i]?.typed ?? 0) < end) i++;
        if (keys[i]?.typed !== end) break;
      }
    }
  }

  /** Where the typing goes on after what is shown was taken; undefined: it is not. */
  #look({ typed, slack, decoded }: DecodedKey): number | undefined {
    const { target } = this.#edit;
    if (this.#isAlong(typed)) return this.#stand(typed);
    this.#standing = undefined;
    if (!decoded || slack) return undefined;
    const choice = this.#policy.choose(decoded);
    if (choice.text === "") return undefined;
    return this.#show({ ...choice, from: typed }, target.startsWith(choice.text, typed), choice.text.length);
  }

  #isAlong(typed: number): boolean {
    if (!this.#standing) return false;
    const { text, from } = this.#standing;
    const along = this.#edit.target.slice(from, typed);
    return text.length > along.length && text.startsWith(along);
  }

  #stand(typed: number): number | undefined {
    const standing = this.#standing;
    if (!standing) return undefined;
    const { text, from } = standing;
    const length = this.#policy.afterRefusal(standing, typed - from);
    if (length >= text.length) return undefined;
    const shorter = text.slice(0, length).trimEnd();
    if (shorter.length <= typed - from) return undefined;
    const isRight = this.#edit.target.startsWith(shorter, from);
    return this.#show({ ...standing, text: shorter }, isRight, shorter.length - (typed - from));
  }

  #show(standing: Choice & { readonly from: number }, isRight: boolean, length: number): number | undefined {
    this.#count.shown++;
    this.#standing = isRight ? undefined : standing;
    if (!isRight) return undefined;
    this.#count.accepted++;
    this.#count.characters += length;
    return standing.from + standing.text.length;
  }
}
