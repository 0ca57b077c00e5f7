/** A message by its method, with the types of what travels: `{ method } as Request<Params, Answer>`. */

declare const types: unique symbol;

/** Params is null where there are none. Partial is what is sent for partialResultToken before the answer. */
export interface Request<Params, Answer, Partial = never> {
  readonly method: string;
  /** For the compiler alone. */
  readonly [types]?: { readonly params: Params; readonly answer: Answer; readonly partial: Partial };
}

export interface Notification<Params> {
  readonly method: string;
  /** For the compiler alone. */
  readonly [types]?: Params;
}
