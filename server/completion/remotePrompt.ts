/**
 * What a server is asked to continue: snippets, the text after the cursor, then the text before it. A server has no state of the
 * repository, but it finds the beginning of a prompt again, so every part begins at places that rarely move, as in context.ts.
 */
import { commentHeader } from "../repository/stream.ts";
import { suffixOf } from "./context.ts";
import type { PromptFormat } from "./promptFormats.ts";
import type { OpenDocument, Surroundings } from "./request.ts";
import type { Snippet, View } from "./snippets.ts";

/** Before the cursor; the start moves in steps of a quarter, so that most keys leave it where it is. */
const PREFIX_CHARACTERS = 8000;
/** Of code; a vocabulary that has fewer is told by the server's refusal. */
const CHARACTERS_A_TOKEN = 2.5;
/** What all parts together have at most, in characters. */
export const MOST_PROMPT_CHARACTERS = 14_000;

/** A word that is being typed, with the space that belongs to its token, or white space that may. */
const HALF_WRITTEN = / ?[\p{L}_][\p{L}\p{N}_]*$|[ \t]+$/u;

/** The parts of a document that are sent. */
export interface RemoteView extends View {
  /** From `start` to the cursor. */
  readonly prefix: string;
}

export interface Prompt {
  readonly text: string;
  /** What stands before the cursor and is left for the server to write again, since it ends inside a token. */
  readonly expected: string;
  /** Where the server may end by itself. */
  readonly stop: readonly string[];
}

/** `share`: of the full lengths, a power of two. */
export function viewOf(around: Surroundings, share: number): RemoteView {
  const start = steadyStart(around.before, share * PREFIX_CHARACTERS);
  return { ...around, start, prefix: around.before.slice(start), suffix: suffixOf(around.after, share) };
}

/** The most of the full lengths that fits beside the answer. */
export function shareThatFits(mostTokens: number, answerTokens: number): number {
  const characters = CHARACTERS_A_TOKEN * (mostTokens - answerTokens);
  let share = 1;
  while (share > 1 / 16 && share * MOST_PROMPT_CHARACTERS > characters) share /= 2;
  return share;
}

export function promptOf(
  format: PromptFormat | undefined,
  document: OpenDocument,
  { prefix, suffix }: Pick<RemoteView, "prefix" | "suffix">,
  snippets: readonly Snippet[],
): Prompt {
  const told = (text: string) => withoutMarks(text, format);
  const header = (path: string) =>
    format?.file === undefined ? commentHeader(path) : `${format.file}${told(path)}\n`;
  const quoted = snippets.map(({ relativePath, text }) => header(relativePath) + endedLine(told(text)));
  // Where the text before the cursor ends the prompt, it must not end inside a token: who reads tokens has never seen that.
  const expected = !format || format.order === "last" ? (HALF_WRITTEN.exec(prefix)?.[0] ?? "") : "";
  const written = prefix.slice(0, prefix.length - expected.length);
  return {
    text: quoted.join("") + header(document.relativePath) + filledIn(format, told(written), told(suffix)),
    expected,
    stop: [],
  };
}

function filledIn(format: PromptFormat | undefined, prefix: string, suffix: string): string {
  // Who was not taught to fill in the middle goes on with the text before the cursor.
  if (!format) return prefix;
  const { prefix: P, suffix: S, middle: M, order } = format;
  if (order === "last") return P + S + suffix + M + prefix;
  return order === "suffix first" ? S + suffix + P + prefix + M : P + prefix + S + suffix + M;
}

/** A mark in a document would be one to the server: a space takes it apart. */
function withoutMarks(text: string, format: PromptFormat | undefined): string {
  const marks = [format?.prefix, format?.suffix, format?.middle, format?.file, "<|endoftext|>", "<|im_end|>"];
  let told = text;
  for (const mark of marks) if (mark) told = told.replaceAll(mark, `${mark.slice(0, 1)} ${mark.slice(1)}`);
  return told;
}

function endedLine(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** The first line's beginning from which the text is short enough, in steps of a quarter of its length. */
function steadyStart(before: string, most: number): number {
  if (before.length <= most) return 0;
  const step = most / 4;
  const earliest = Math.ceil((before.length - most) / step) * step;
  const line = before.indexOf("\n", earliest) + 1;
  return line > 0 && line - earliest < step ? line : earliest;
}
