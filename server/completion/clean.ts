/** From what the model wrote to text that may stand in the document, whatever is to its right: a few rules, in this order. */
import { indentationOf, isBlank, type Shape } from "./lines.ts";

export interface Written {
  readonly text: string;
  /** What its first line continues. */
  readonly lineBefore: string;
  readonly shape: Shape;
  /** Columns of a tab. */
  readonly tabSize?: number | undefined;
  /** Cut where it became too long: nobody knows how it would have ended. */
  readonly isOpen: boolean;
}

/** A rule shortens a completion; nothing is left where it returns "". */
type Rule = (text: string, written: Written) => string;

const RULES: readonly (readonly [name: string, rule: Rule])[] = [
  ["broken characters", wholeCharacters],
  ["line feeds", (text) => text.replaceAll("\r\n", "\n").replaceAll("\r", "")],
  ["indentation", indentation],
  ["lines in circles", ownLines],
  ["pieces in circles", pieces],
  ["trailing space", (text) => text.replace(/[ \t]+(?=\n|$)/g, "").replace(/\n+$/, "")],
];

export interface Cleaned {
  readonly text: string;
  /** The rule that left nothing. */
  readonly droppedBy?: string;
}

export function clean(written: Written): Cleaned {
  let { text } = written;
  for (const [name, rule] of RULES) {
    text = rule(text, written);
    if (isBlank(text)) return { text: "", droppedBy: name };
  }
  return { text };
}

/** Ends before the first broken code point or control character: a model may decode bytes that are no text. */
function wholeCharacters(text: string): string {
  const broken = text.search(/\uFFFD|\p{Cs}|[^\P{Cc}\t\r\n]/u);
  return broken < 0 ? text : text.slice(0, broken);
}

const CLOSER = /^\s*([)\]}]|end\b|<\/)/;

/** Ends where a line leaves the block or the statements that the completion is about; a block's own closer stays. */
function indentation(text: string, { shape, tabSize }: Written): string {
  const lines = text.split("\n");
  if (shape.kind === "line") return lines[0] ?? "";
  for (const [i, line] of lines.entries()) {
    if (i === 0 || isBlank(line)) continue;
    const columns = indentationOf(line, tabSize);
    const inside = shape.kind === "block" ? columns > shape.indentation : columns >= shape.indentation;
    if (inside) continue;
    const closes = shape.kind === "block" && columns === shape.indentation && CLOSER.test(line);
    return lines.slice(0, closes ? i + 1 : i).join("\n");
  }
  return text;
}

const SAYS_SOMETHING = /[\p{L}\p{N}]/u;

/** Ends where a line of the text repeats the one before it, which small models do without end; closers may. */
function ownLines(text: string, { lineBefore }: Written): string {
  const lines = (lineBefore + text).split("\n");
  const repeated = lines.findIndex((line, i) => i > 0 && line === lines[i - 1] && SAYS_SOMETHING.test(line));
  return repeated < 0 ? text : lines.slice(0, repeated).join("\n").slice(lineBefore.length);
}

/** The same piece four times in a row. */
const LOOP = /(.{2,40}?)\1{3,}/gu;

/** Ends before a line that repeats a piece of itself and has not found its way out. */
function pieces(text: string, { isOpen }: Written): string {
  const start = text.lastIndexOf("\n") + 1;
  const loops =
    isOpen && [...text.slice(start).matchAll(LOOP)].some(([, piece = ""]) => SAYS_SOMETHING.test(piece));
  return loops ? text.slice(0, start) : text;
}
