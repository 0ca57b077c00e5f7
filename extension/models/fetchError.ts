export type FetchProblem =
  | "offline"
  | "gated"
  | "space"
  | "disk"
  | "busy"
  | "damaged"
  | "missing"
  | "refused"
  | "stopped";

/** Why a model could not be fetched, in one sentence for a person. What was fetched is kept unless it is damaged. */
export class FetchError extends Error {
  override name = "FetchError";
  readonly problem: FetchProblem;

  constructor(problem: FetchProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
