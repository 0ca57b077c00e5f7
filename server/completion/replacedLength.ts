/** How much of the text to the right a completion writes again: the closers that the editor put there. */
import { scannerAfter } from "./brackets.ts";

/** Characters to the right of the cursor that the completion's own closers stand for. */
export function replacedLength(text: string, before: string, right: string): number {
  const written = closersOf(text, before);
  let replaced = 0;
  let at = 0;
  for (const [i, character] of [...right].entries()) {
    if (character === " ") continue;
    if (!")]}\"'`;,>:".includes(character)) break;
    at = written.indexOf(character, at) + 1;
    if (at === 0) break;
    replaced = i + 1;
  }
  return replaced;
}

/** Closers in the completion that end what was open before it, with the punctuation between and after them. */
function closersOf(text: string, before: string): string {
  const scanner = scannerAfter(before);
  const openBefore = scanner.awaited.length;
  let closers = "";
  let depth = openBefore;
  let lowest = openBefore;
  let end = 0;
  for (const mark of scanner.scan(text)) {
    const isBracket = ")]}([{".includes(mark.character);
    if (mark.kind === "open") depth++;
    else if (isBracket && mark.kind === "close") depth--;
    const endsOuter = mark.kind !== "open" && (!isBracket || depth < lowest || mark.kind === "unmatched");
    if (!endsOuter) continue;
    if (isBracket) lowest = Math.min(lowest, depth);
    closers += mark.character;
    end = mark.offset + 1;
  }
  const tail = text.slice(end).split("\n", 1)[0] ?? "";
  return closers + (/^[;,:\s]*$/.test(tail) ? tail.trim() : (tail.trimEnd().match(/[;,:]$/)?.[0] ?? ""));
}
