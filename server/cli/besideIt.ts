/** What is offered for a line, and beside it what stands there. */

import { styleText } from "node:util";
import { commonPrefix } from "../completion/characters.ts";

export interface OfferedLine {
  /** The line as far as the cursor. */
  readonly before: string;
  /** undefined: nothing. */
  readonly offered: string | undefined;
  /** The rest of the line as it stands in the file. */
  readonly rest: string;
}

/** One above the other; further lines of what is offered come between them. */
export function besideIt({ before, offered, rest }: OfferedLine): string {
  const [line = "", ...further] = offered?.split("\n") ?? [];
  const right = commonPrefix(line, rest);
  const verdict = offered === undefined ? "nothing is offered" : verdictOn(line, rest, right);
  const answer = styleText("green", line.slice(0, right)) + styleText("yellow", line.slice(right));
  return [
    `offered  ${before}${answer}  ${styleText(["dim", "italic"], verdict)}`,
    ...further.map((next) => `         ${styleText("yellow", next)}`),
    `there    ${before}${styleText("bold", rest)}`,
  ].join("\n");
}

function verdictOn(line: string, rest: string, right: number): string {
  if (rest.trimEnd() === "") return "the line ends here";
  if (line.trimEnd() === rest.trimEnd()) return "exactly right";
  return `right for ${right} of ${rest.trimEnd().length} characters`;
}
