/** Places where a completion is asked for: the rest of a line is taken away, at most once a file and kind. */
import type { CorpusFile, CorpusRepository } from "./corpus.ts";
import { type Language, languageOf } from "./languages.ts";
import { randomSource, shuffled } from "./random.ts";

export type Kind = "identifier" | "anywhere";

export const KINDS: readonly Kind[] = ["identifier", "anywhere"];

export interface Place {
  readonly kind: Kind;
  /** Among the places of this kind in the repository; the first ones are the same however many there are. */
  readonly nth: number;
  readonly path: string;
  readonly language: Language;
  /** Up to the cursor, and from the line feed on. */
  readonly before: string;
  readonly after: string;
  /** The rest of the line, which is asked for. */
  readonly rest: string;
}

const SHORTEST_REST = 3;
const LONGEST_LINE = 200;

/** As many places of each kind as asked for, where the repository has enough files. */
export function placesIn(repository: CorpusRepository, countEach: number): Place[] {
  return KINDS.flatMap((kind) => placesOf(repository, kind, countEach));
}

function placesOf(repository: CorpusRepository, kind: Kind, count: number): Place[] {
  const random = randomSource(kind === "identifier" ? 1 : 2);
  const places: Place[] = [];
  for (const file of shuffled(repository.files, random)) {
    if (places.length === count) break;
    const language = languageOf(file.path);
    const place = language && placeIn(file, language, kind, random);
    if (place) places.push({ ...place, nth: places.length });
  }
  return places;
}

function placeIn(
  { path, text }: CorpusFile,
  language: Language,
  kind: Kind,
  random: () => number,
): Omit<Place, "nth"> | undefined {
  const comment = language === "Python" ? /^\s*#/ : /^\s*(?:\/[/*]|\*)/;
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  for (const start of shuffled(starts, random).slice(0, 20)) {
    const line = text.slice(start, (text.indexOf("\n", start) + 1 || text.length + 1) - 1);
    if (line.length > LONGEST_LINE || comment.test(line)) continue;
    const columns = kind === "identifier" ? identifierStarts(line) : everyColumn(line);
    const column = columns[Math.floor(random() * columns.length)];
    if (column === undefined) continue;
    return {
      kind,
      path,
      language,
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

/** What of a line that is asked for is on disk: nothing, or what automatic saving leaves there, as far as the cursor. */
export type OnDisk = "absent" | "saved";

/** The repository as it may be read. */
export function asOnDisk(
  repository: CorpusRepository,
  places: readonly Place[],
  asked: OnDisk,
): CorpusRepository {
  const files = repository.files.map((file) => {
    const own = places.filter(({ path }) => path === file.path);
    return own.length === 0 ? file : { path: file.path, text: textOnDisk(file.text, own, asked) };
  });
  return { ...repository, files };
}

function textOnDisk(text: string, places: readonly Place[], asked: OnDisk): string {
  const columns = new Map<number, number>();
  for (const { before } of places) {
    const lines = before.split("\n");
    const column = lines.at(-1)?.length ?? 0;
    // Where both kinds ask for one line, it ends before the first of their rests.
    columns.set(lines.length - 1, Math.min(column, columns.get(lines.length - 1) ?? column));
  }
  return text
    .split("\n")
    .map((line, i) => (columns.has(i) ? line.slice(0, columns.get(i)) : line))
    .filter((_, i) => asked === "saved" || !columns.has(i))
    .join("\n");
}
