/** What may never be shown: a text for another place or another document than the one that was asked about. */
import type { Asked, TypedDocument } from "../eval/replay/answerer.ts";

/** One sentence; undefined where nothing is wrong. */
export function faultOf(asked: Asked, { path, text }: TypedDocument, cursor: number): string | undefined {
  const { shown } = asked;
  if (!shown) return undefined;
  const { start, end } = shown;
  const at = `${path} at ${cursor}`;
  if (start > cursor || end < cursor || end > text.length) {
    return `${at}: a text for ${start} to ${end} is not at the cursor`;
  }
  if (text.slice(start, end).includes("\n")) return `${at}: a text stands in place of several lines`;
  if (!shown.text.startsWith(text.slice(start, cursor))) {
    return `${at}: ${JSON.stringify(shown.text)} does not begin with what is typed, ${JSON.stringify(text.slice(start, cursor))}`;
  }
  return undefined;
}

/** Two documents that are asked about at once, each of words that the other has not. */
export interface Twin {
  readonly word: string;
  readonly document: TypedDocument;
}

const WORDS = ["quexalum", "brovinta"] as const;
const LINES = 12;

/** New ones each time, with the beginning of a line that goes on as the lines before it. */
export function twins(round: number): Twin[] {
  return WORDS.map((word) => {
    const lines = Array.from({ length: LINES }, (_, i) => `  ${word}.${word}Step(${i}, "${word}-${i}");\n`);
    const text = `function ${word}Run${round}() {\n${lines.join("")}  ${word}.`;
    return { word, document: { path: `twins/${word}${round}.ts`, languageId: "typescript", text } };
  });
}

/** Of a twin's answer. */
export function twinFaultOf(asked: Asked, { word, document }: Twin): string | undefined {
  const others = WORDS.filter((one) => one !== word && asked.shown?.text.includes(one));
  const fault = faultOf(asked, document, document.text.length);
  if (others.length === 0) return fault;
  return `${document.path}: ${JSON.stringify(asked.shown?.text)} is of the document with ${others[0]}`;
}
