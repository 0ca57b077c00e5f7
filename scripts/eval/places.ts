/** Places where a completion is asked for: the rest of a line is taken away, at most once a file. */
import type { CorpusFile, CorpusRepository } from "./corpus.ts";
import { randomSource, shuffled } from "./random.ts";

export type Kind = "identifier" | "anywhere";

export interface Place {
  readonly kind: Kind;
  readonly path: string;
  /** Up to the cursor, and from the line feed on. */
  readonly before: string;
  readonly after: string;
  /** The rest of the line, which is asked for. */
  readonly rest: string;
}

const SHORTEST_REST = 3;
const LONGEST_LINE = 200;
const CODE = /\.(?:[cm]?[jt]sx?|py|svelte)$/;

/** As many places as asked for, where the repository has enough files. */
export function placesIn(repository: CorpusRepository, kind: Kind, count: number): Place[] {
  const random = randomSource(kind === "identifier" ? 1 : 2);
  const places: Place[] = [];
  for (const file of shuffled(repository.files, random)) {
    if (places.length === count) break;
    if (!CODE.test(file.path)) continue;
    const place = placeIn(file, kind, random);
    if (place) places.push(place);
  }
  return places;
}

function placeIn({ path, text }: CorpusFile, kind: Kind, random: () => number): Place | undefined {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  for (const start of shuffled(starts, random).slice(0, 20)) {
    const line = text.slice(start, (text.indexOf("\n", start) + 1 || text.length + 1) - 1);
    if (line.length > LONGEST_LINE || /^\s*(?:\/[/*]|\*|#)/.test(line)) continue;
    const columns = kind === "identifier" ? identifierStarts(line) : everyColumn(line);
    const column = columns[Math.floor(random() * columns.length)];
    if (column === undefined) continue;
    return {
      kind,
      path,
      before: text.slice(0, start + column),
      after: text.slice(start + line.length),
      rest: line.slice(column).trimEnd(),
    };
  }
  return undefined;
}

/** Not the first of its line, which nobody expects to be known. */
function identifierStarts(line: string): number[] {
  return [...line.matchAll(/(?<=[^\w$].*)(?<![\w$])[A-Za-z_$][\w$]*/g)]
    .map(({ index }) => index)
    .filter((column) => line.slice(0, column).trim() !== "" && leaves(line, column));
}

function everyColumn(line: string): number[] {
  const first = line.length - line.trimStart().length;
  return Array.from({ length: line.length - first }, (_, i) => first + i).filter((column) =>
    leaves(line, column),
  );
}

function leaves(line: string, column: number): boolean {
  return line.slice(column).trim().length >= SHORTEST_REST;
}

/** The repository as it may be read: without the lines that are asked for. */
export function withoutPlaces(repository: CorpusRepository, places: readonly Place[]): CorpusRepository {
  const files = new Map(repository.files.map((file) => [file.path, file]));
  for (const { path, before, after } of places) {
    files.set(path, { path, text: before.slice(0, before.lastIndexOf("\n") + 1) + after.slice(1) });
  }
  return { ...repository, files: [...files.values()] };
}
