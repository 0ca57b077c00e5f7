/**
 * The keys with which a person writes a text in an editor that indents, closes brackets and quotes, and types over what it
 * closed, as VS Code does by default. Pure: a state of the writing and the next one.
 */
import { commonPrefix } from "../../../server/completion/characters.ts";

export interface Writing {
  /** What is to stand here. */
  readonly target: string;
  /** A beginning of it, before the cursor. */
  readonly typed: string;
  /** Indentation before the cursor that the editor put there and the target does not have. */
  readonly slack: string;
  /** Behind the cursor: closers that the editor put there, perhaps on a line of their own. */
  readonly right: string;
}

export interface Style {
  /** One level of indentation. */
  readonly unit: string;
  /** A quote that closes itself, beside the double one. */
  readonly quotes: string;
  /** A colon at the end of a line opens a block. */
  readonly colonOpens: boolean;
}

export interface Step {
  readonly writing: Writing;
  readonly keys: number;
}

const CLOSER_OF: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const MAY_STAND_RIGHT = /^[\s;:.,=}\])>]/;

export function beginWriting(target: string): Writing {
  return { target, typed: "", slack: "", right: "" };
}

export function isWritten({ target, typed, slack, right }: Writing): boolean {
  return typed.length === target.length && slack === "" && right === "";
}

export function styleOf(text: string, languageId: string): Style {
  const quotes = languageId === "rust" ? "" : /^(java|type)script/.test(languageId) ? "'`" : "'";
  return { unit: unitOf(text), quotes, colonOpens: languageId === "python" };
}

/** The smallest indentation that is common, or a tab. */
function unitOf(text: string): string {
  const counts = new Map<string, number>();
  for (const [, indent = ""] of text.matchAll(/^(\t| {2,8})(?=\S)/gm)) {
    counts.set(indent, (counts.get(indent) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  const common = [...counts].filter(([, count]) => count > most / 8).map(([indent]) => indent);
  return common.sort((a, b) => a.length - b.length)[0] ?? "    ";
}

/** The next key, and the ones that go with it. `lineBefore` is what stands on the cursor's line before the writing begins. */
export function pressKey(writing: Writing, lineBefore: string, style: Style): Step {
  const { target, typed, slack, right } = writing;
  const rest = target.slice(typed.length);
  // What the editor closed and the text does not have is deleted in the end.
  if (rest === "") return { writing: { ...writing, slack: "", right: "" }, keys: 1 };
  const closed = /^\n[ \t]*\S/.exec(right)?.[0];
  if (closed !== undefined && rest.startsWith(closed)) return advance(writing, closed.length, closed.length);
  if (slack !== "" && rest[0] !== "\n") {
    const level = /^[)\]}]/.test(rest) ? 0 : Math.ceil(slack.length / style.unit.length);
    const without = { ...writing, slack: "" };
    if (level > 0) return { writing: without, keys: level };
    return pressKey(without, lineBefore, style);
  }
  if (rest[0] === "\n") return enter({ ...writing, slack: "" }, lineBefore, style);
  const indentation = /^[ \t]+/.exec(rest)?.[0].length ?? 0;
  const isAtStart = lastLine(lineBefore + typed).trim() === "";
  if (indentation > 0 && isAtStart) return advance(writing, Math.min(indentation, style.unit.length), 0);
  if (right[0] === rest[0] && right[0] !== "\n") return advance(writing, 1, 1);
  const next = advance(writing, firstCharacter(rest).length, 0);
  const closer = closerFor(rest[0] ?? "", lastLine(lineBefore + typed), right, style);
  return { ...next, writing: { ...next.writing, right: closer + right } };
}

function advance(writing: Writing, by: number, rightBy: number): Step {
  const { target, typed, right } = writing;
  const longer = target.slice(0, typed.length + by);
  return { writing: { ...writing, slack: "", typed: longer, right: right.slice(rightBy) }, keys: 1 };
}

function enter(writing: Writing, lineBefore: string, { unit, colonOpens }: Style): Step {
  const { target, typed, right } = writing;
  const line = lastLine(lineBefore + typed);
  const current = /^[ \t]*/.exec(line)?.[0] ?? "";
  const last = line.trimEnd().at(-1) ?? "";
  const opens = last in CLOSER_OF || (colonOpens && last === ":");
  const wanted = current + (opens ? unit : "");
  const there = /^[ \t]*/.exec(target.slice(typed.length + 1))?.[0] ?? "";
  const kept = wanted.slice(0, commonPrefix(wanted, there));
  const expands = CLOSER_OF[last] !== undefined && right[0] === CLOSER_OF[last];
  return {
    writing: {
      target,
      typed: `${typed}\n${kept}`,
      slack: wanted.slice(kept.length),
      right: expands ? `\n${current}${right}` : right,
    },
    keys: 1,
  };
}

function closerFor(key: string, lineBefore: string, right: string, { quotes }: Style): string {
  if (right !== "" && !MAY_STAND_RIGHT.test(right)) return "";
  const bracket = CLOSER_OF[key];
  if (bracket !== undefined) return bracket;
  const isQuote = key === '"' || (key !== "" && quotes.includes(key));
  return isQuote && !/[\w"'`\\]$/.test(lineBefore) ? key : "";
}

/** Keys of the whole text without any help. */
export function keysOf(target: string, lineBefore: string, style: Style): number {
  let writing = beginWriting(target);
  let keys = 0;
  while (!isWritten(writing)) {
    const step = pressKey(writing, lineBefore, style);
    keys += step.keys;
    writing = step.writing;
  }
  return keys;
}

/** The writing after a text was put in place of the first `replaced` closers; undefined if that is not what the edit has. */
export function afterInserting(
  writing: Writing,
  text: string,
  replaced: number,
  lineBefore: string,
  style: Style,
): Writing | undefined {
  const { target, typed, slack, right } = writing;
  const longer = typed + text;
  if (slack !== "" || !target.startsWith(longer) || replaced > right.length) return undefined;
  const left = right.slice(replaced);
  let byHand = writing;
  while (byHand.typed.length < longer.length) byHand = pressKey(byHand, lineBefore, style).writing;
  return byHand.right.endsWith(left) ? { target, typed: longer, slack: "", right: left } : undefined;
}

function firstCharacter(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0);
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1);
}
