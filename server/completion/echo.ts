/** Whether a completion only says the next line of the document again, as a model does that reads it as a suffix. */
import type { Site } from "../syntax/site.ts";
import type { Join } from "./join.ts";
import { isBlank, linesBelow } from "./lines.ts";
import { lineAfter, lineBefore, type Surroundings } from "./request.ts";

const BLANK_LINES_SKIPPED = 3;
/** After that many more lines the likeness of the first is chance. */
const LINES_THAT_ARE_NEWS = 2;

/** Lines are the same with their indentation: a guard above the same return is none, nor a closer of another block. */
export async function isEcho(
  join: Join,
  { before, after }: Surroundings,
  site: () => Promise<Site | undefined>,
): Promise<boolean> {
  const rest = lineAfter(after);
  const next = after
    .slice(rest.length + 1)
    .split("\n", BLANK_LINES_SKIPPED)
    .find((line) => !isBlank(line));
  // Below a complete line its own beginning is no news.
  const below = linesBelow(join.text);
  const written = below ?? lineBefore(before) + join.text + rest.slice(join.replaced);
  const [first = "", ...more] = written.trimEnd().split("\n");
  if (next === undefined || first.trimEnd() !== next.trimEnd() || more.length > LINES_THAT_ARE_NEWS)
    return false;
  const place = below === undefined ? await site() : undefined;
  // A second element like the next is one more; and a closer may be missing although one follows.
  return !place || !(place.isElement(join.text, join.replaced) || isNeeded(place, join));
}

function isNeeded(place: Site, { text, replaced }: Join): boolean {
  return place.cost(text, replaced) < place.costWithoutLine();
}
