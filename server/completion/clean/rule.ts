/** A cleaning rule shortens a completion, or drops it by returning "". */
import type { Shape } from "../lines.ts";
import type { Surroundings } from "../request.ts";

export interface CleaningContext extends Surroundings {
  readonly shape: Shape;
}

export type Rule = (text: string, context: CleaningContext) => string;
