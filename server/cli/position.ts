/** "file:line:column" as a person or an editor writes it; both counted from 1. */
import { readFile } from "node:fs/promises";
import { reasonOf } from "../log.ts";

/** What was asked for does not exist; the message is one sentence. */
export class PositionError extends Error {
  override name = "PositionError";
}

export interface Place {
  readonly path: string;
  readonly text: string;
  readonly offset: number;
  /** Of the line with the offset, without its line end. */
  readonly lineStart: number;
  readonly lineEnd: number;
}

/** The line's or the file's end, when column or line are left out. */
export async function findPlace(argument: string): Promise<Place> {
  const match = /^(.+?)(?::(\d+))?(?::(\d+))?$/.exec(argument);
  const path = match?.[1] ?? argument;
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new PositionError(`The file ${path} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  if (match?.[2] === undefined) return placeAt(path, text, text.length);
  const lines = text.split("\n");
  const line = Number(match[2]);
  const content = lines[line - 1]?.replace(/\r$/, "");
  if (content === undefined) {
    throw new PositionError(`${path} has lines 1 to ${lines.length}, but line ${line} was asked for.`);
  }
  const column = match[3] === undefined ? content.length + 1 : Number(match[3]);
  if (column < 1 || column > content.length + 1) {
    throw new PositionError(
      `Line ${line} of ${path} has columns 1 to ${content.length + 1}, but column ${column} was asked for.`,
    );
  }
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  return placeAt(path, text, before + column - 1);
}

function placeAt(path: string, text: string, offset: number): Place {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const feed = text.indexOf("\n", offset);
  const end = feed < 0 ? text.length : feed;
  return { path, text, offset, lineStart, lineEnd: text[end - 1] === "\r" && end > offset ? end - 1 : end };
}
