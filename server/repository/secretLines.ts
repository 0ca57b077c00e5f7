/**
 * Lines of ordinary files that hold keys, tokens or passwords: they stay out of state, index and snippets. Most are found by
 * secretlint's recommended rules, run without its core, which keeps a record of each file for ever; two kinds by rules of our own.
 */
import { rules as presetRules } from "@secretlint/secretlint-rule-preset-recommend";

type Range = readonly [start: number, end: number];

/** What of secretlint's rules is used. */
interface Rule {
  readonly meta: { readonly type: string };
  create(context: Context, options: object): { file?(source: Source): unknown };
}

interface Context {
  readonly sharedOptions: object;
  createTranslator(messages: object): (id: string) => object;
  report(descriptor: { readonly range: Range }): void;
  ignore(descriptor: object): void;
}

/** Without a path: rules that would read the file themselves have none to read. */
interface Source {
  readonly content: string;
  readonly contentType: "text";
  readonly filePath: undefined;
  readonly ext: string;
}

/** Comments that switch the rules off are not obeyed: what is read is the person's decision, not the file's. */
const RULES = (presetRules as unknown as readonly Rule[]).filter(({ meta }) => meta.type === "scanner");

/** Access keys of AWS count without the secret that goes with them. */
const OPTIONS = { enableIDScanRule: true };

/** A key's first line; what follows it counts while it looks like the rest of one, also in the quotes of a program. */
const KEY_BEGINS = /-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
const KEY_GOES_ON =
  /^[\s"'`+#*/.-]*(?:[A-Za-z0-9+/=]{24,}|[A-Za-z0-9+/]+={1,2}|(?:Proc-Type|DEK-Info|Version|Comment): .*|-----END .*|=[A-Za-z0-9+/]{4})(?:\\[nr])*["'`+,;)\s\\]*$/;
const KEY_IN_ONE_LINE = /PRIVATE KEY(?: BLOCK)?-----.*[A-Za-z0-9+/=]{24}/;
const MOST_KEY_LINES = 200;

/** password = "..." and the like; the value is in the group. */
const ASSIGNMENT =
  /(?:passw(?:or)?d|pwd|passphrase|secret|token|credential|(?:api|access|auth|account|signing|encryption|private)[-_]?key)["'`]?\s{0,8}(?::=?|=>?)\s{0,8}["'`]([^"'`\s$<{]{8,200})["'`]/gi;
const LEAST_BITS_A_CHARACTER = 2.8;

/** Numbers of the lines, from 0. */
export async function secretLines(text: string): Promise<ReadonlySet<number>> {
  const ranges = [...(await presetRanges(text)), ...assignments(text)];
  const lines = new Set<number>();
  if (ranges.length > 0 || text.includes("PRIVATE KEY")) {
    const starts = lineStarts(text);
    for (const [start, end] of ranges) {
      const last = lineAt(starts, Math.max(start, end - 1));
      for (let line = lineAt(starts, start); line <= last; line++) lines.add(line);
    }
    for (const line of keyLines(text, starts)) lines.add(line);
  }
  return lines;
}

/** The text with these lines left empty: as many lines as before. */
export function withoutLines(text: string, lines: ReadonlySet<number>, firstLine = 0): string {
  if (lines.size === 0) return text;
  return text
    .split("\n")
    .map((line, i) => (lines.has(firstLine + i) ? "" : line))
    .join("\n");
}

export async function withoutSecretLines(text: string): Promise<string> {
  return withoutLines(text, await secretLines(text));
}

async function presetRanges(content: string): Promise<Range[]> {
  const found: Range[] = [];
  const context: Context = {
    sharedOptions: {},
    // Nobody reads the messages.
    createTranslator: () => (messageId) => ({ message: "", messageId }),
    report: ({ range }) => void found.push(range),
    ignore: () => undefined,
  };
  const source: Source = { content, contentType: "text", filePath: undefined, ext: "" };
  for (const rule of RULES) await rule.create(context, OPTIONS).file?.(source);
  return found;
}

function* assignments(text: string): Generator<Range> {
  for (const match of text.matchAll(ASSIGNMENT)) {
    const value = match[1] ?? "";
    const isMixed = /\d/.test(value) && /[A-Za-z]/.test(value);
    const isUrl = /^\w+:\/\//.test(value);
    if (isMixed && !isUrl && bitsOf(value) >= LEAST_BITS_A_CHARACTER)
      yield [match.index, match.index + match[0].length];
  }
}

/** Shannon's entropy of its characters. */
function bitsOf(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

/** Of keys that are cut, encrypted or of a kind that the rules do not know. */
function* keyLines(text: string, starts: readonly number[]): Generator<number> {
  const lineOf = (line: number) => text.slice(starts[line], starts[line + 1]).replace(/\n$/, "");
  for (const { index } of text.matchAll(KEY_BEGINS)) {
    const first = lineAt(starts, index);
    let last = KEY_IN_ONE_LINE.test(lineOf(first)) ? first : -1;
    for (let line = first + 1; line < starts.length && line - first < MOST_KEY_LINES; line++) {
      const content = lineOf(line);
      if (content.trim() !== "" && !KEY_GOES_ON.test(content)) break;
      if (content.trim() !== "") last = line;
      if (content.includes("-----END")) break;
    }
    for (let line = first; line <= last; line++) yield line;
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}
