/** From what the model wrote to what is offered: the likeliest text and its alternatives, each finished in the same way. */
import type { Finish } from "./finish.ts";
import type { Generation } from "./generate.ts";
import type { Join } from "./join.ts";
import { isBlank, type Shape } from "./lines.ts";
import { lineAfter } from "./request.ts";

/** More than a person would go through. */
const MOST_ALTERNATIVES = 3;

export interface Offers {
  /** The likeliest first. */
  readonly joins: readonly Join[];
  /** Why there is none. */
  readonly nothing?: string;
}

export async function offersOf(
  generation: Generation,
  finish: Finish,
  shapeOf: (text: string) => Shape,
): Promise<Offers> {
  const { text, isOpen, isCut, alternatives } = generation;
  if (isBlank(text)) return { joins: [], nothing: isCut ? "too unsure" : "the line is complete" };
  const first = await finish.finish({ text, isOpen, isCut, shape: shapeOf(text) });
  if ("nothing" in first) return { joins: [], nothing: first.nothing };
  const joins = [first];
  for (const line of alternatives) {
    if (joins.length > MOST_ALTERNATIVES) break;
    if (isBlank(line)) continue;
    const join = await finish.finish({ text: line, isOpen: false, isCut: false, shape: shapeOf(line) });
    // Alternatives are one line long; the first may go on below it.
    if ("text" in join && !joins.some((other) => lineAfter(other.text) === join.text)) joins.push(join);
  }
  return { joins };
}
