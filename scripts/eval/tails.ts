/**
 * What a state is worth by what it read last, with and without the exact recall of the whole repository: the last tokens of the
 * reading order, then texts that bear on the file that is scored.
 *
 *   node scripts/eval/tails.ts [TEXT IN A REPOSITORY'S NAME] [FILES EACH]
 */
import { extname, posix } from "node:path";
import type { State } from "../../server/engine/engine.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { importedBy } from "../../server/repository/imports.ts";
import { fileHeader, repositoryHeader } from "../../server/repository/stream.ts";
import { askedFiles, bitsOf } from "./bits.ts";
import { type CorpusFile, heldOutRepositories } from "./corpus.ts";
import { type Loaded, withModel } from "./parts/options.ts";
import { estimate } from "./random.ts";
import { advanced, scoresOf, type Text, textsOf } from "./reading.ts";

const TAILS = [2048, 8192, 131_072];
/** Among so many files nearest by their paths the likest are looked for. */
const NEAR = 24;

interface Measured {
  readonly bytes: number;
  /** By condition: alone and recalled. */
  readonly bits: Map<string, readonly [number, number]>;
}

const [only = "", filesEach = "3"] = process.argv.slice(2);

await withModel({ modelPath: undefined, window: undefined }, async (loaded) => {
  const measured: Measured[] = [];
  for (const repository of heldOutRepositories().filter(({ name }) => name.includes(only))) {
    const { asked, others } = askedFiles(repository, Number(filesEach));
    const texts = await textsOf(loaded.tokenizer, others);
    const header = repositoryHeader(loaded.tokenizer, repository.name.replaceAll("+", "-"));
    measured.push(...(await measure(loaded, header, texts, asked)));
    const tokens = texts.reduce((sum, text) => sum + text.tokens.length, 0);
    report(`after ${repository.name}, ${tokens} tokens`, measured);
  }
});

async function measure(
  { model, tokenizer, attentionWindow }: Loaded,
  header: readonly number[],
  texts: readonly Text[],
  asked: readonly CorpusFile[],
): Promise<Measured[]> {
  const stateHeads = Math.round(model.info.defaultHybridRatio * model.info.heads);
  const recall = model.createRecall(texts.reduce((sum, { tokens }) => sum + tokens.length + 1, 0));
  for (const { tokens } of texts) recall.append(Int32Array.from(tokens));
  const stream = texts.flatMap(({ tokens }) => tokens);
  const empty = model.initialState(stateHeads, attentionWindow);
  const after = async (from: State, tokens: readonly number[]) => await advanced(model, from, tokens);
  const states = new Map<string, State>([["nothing", empty]]);
  for (const tail of TAILS)
    states.set(`last ${tail}`, await after(empty, [...header, ...stream.slice(-tail)]));
  const measured: Measured[] = [];
  for (const file of asked) {
    const own = new Map<string, State>();
    for (const [name, tokens] of relatedTo(file, texts, tokenizer))
      own.set(name, await after(empty, [...header, ...tokens]));
    const bits = new Map<string, readonly [number, number]>();
    const named = fileHeader(tokenizer, file.path);
    const tokens = Int32Array.from(tokenizer.encode(file.text));
    for (const [name, state] of [...states, ...own]) {
      const begun = await after(state, named);
      const alone = bitsOf(await scoresOf(model, begun, tokens));
      const recalled = bitsOf(await scoresOf(model, begun, tokens, recall, named));
      bits.set(name, [alone, recalled]);
      begun.dispose();
    }
    for (const state of own.values()) state.dispose();
    measured.push({ bytes: Buffer.byteLength(file.text), bits });
  }
  for (const state of states.values()) state.dispose();
  recall.dispose();
  return measured;
}

/** The last is the likest. */
function relatedTo(file: CorpusFile, texts: readonly Text[], tokenizer: Tokenizer): [string, number[]][] {
  const head = file.text.slice(0, Math.ceil(file.text.length / 3));
  const imports = importedBy({ languageId: languageIdOf(file.path), relativePath: file.path, text: head });
  const own = tokenizer.encode(head);
  const byLikeness = byLikenessTo(own, texts);
  const imported = byLikeness.filter(({ path }) => imports(path));
  const siblings = byLikeness.filter(({ path }) => posix.dirname(path) === posix.dirname(file.path));
  const distance = (text: Text) => (imports(text.path) ? 0 : pathDistance(text.path, file.path));
  const near = [...texts].sort((a, b) => distance(a) - distance(b)).slice(0, NEAR);
  const nearest = byLikenessTo(own, near);
  const first = (chosen: readonly Text[], count: number, tokensEach: number) =>
    chosen
      .slice(0, count)
      .reverse()
      .flatMap(({ tokens }) => tokens.slice(0, tokensEach));
  return [
    ["the likest, 2048", first(byLikeness, 1, 2048)],
    ["the 4 likest, 2048 each", first(byLikeness, 4, 2048)],
    ["4 imported, 2048 each", first(imported, 4, 2048)],
    ["the 4 likest of its folder, 2048 each", first(siblings, 4, 2048)],
    ["the likest of the near, 2048", first(nearest, 1, 2048)],
    ["the 4 likest of the near, 2048 each", first(nearest, 4, 2048)],
    ["the 8 likest of the near, 1024 each", first(nearest, 8, 1024)],
    ["the 8 likest of the near, 2048 each", first(nearest, 8, 2048)],
  ];
}

/** Steps from one folder to the other. */
function pathDistance(a: string, b: string): number {
  const [from, to] = [posix.dirname(a).split("/"), posix.dirname(b).split("/")];
  let common = 0;
  while (common < from.length && common < to.length && from[common] === to[common]) common++;
  return from.length + to.length - 2 * common;
}

function languageIdOf(path: string): string {
  const ids: Record<string, string> = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".rs": "rust",
    ".go": "go",
    ".c": "c",
    ".h": "c",
    ".hpp": "cpp",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".hxx": "cpp",
    ".cxx": "cpp",
    ".java": "java",
  };
  return ids[extname(path)] ?? "";
}

/** By the cosine of two sets of tokens, each weighed by its rarity among the texts. */
function byLikenessTo(own: readonly number[], texts: readonly Text[]): Text[] {
  const bags = texts.map((text) => ({ text, bag: new Set(text.tokens) }));
  const counts = new Map<number, number>();
  for (const { bag } of bags) for (const token of bag) counts.set(token, (counts.get(token) ?? 0) + 1);
  const weight = (token: number) => Math.log(1 + texts.length / (1 + (counts.get(token) ?? 0))) ** 2;
  const wanted = new Set(own);
  const scored = bags.map(({ text, bag }) => {
    let [common, all] = [0, 0];
    for (const token of bag) {
      all += weight(token);
      if (wanted.has(token)) common += weight(token);
    }
    return { text, likeness: common / Math.sqrt(all + 1e-9) };
  });
  return scored.sort((x, y) => y.likeness - x.likeness).map(({ text }) => text);
}

function report(title: string, measured: readonly Measured[]): void {
  const bytes = measured.map((one) => one.bytes);
  process.stdout.write(`${title}; ${measured.length} files\n`);
  const baseOf = (which: 0 | 1) => sum(measured.map(({ bits }) => bits.get("last 131072")?.[which] ?? 0));
  for (const name of measured[0]?.bits.keys() ?? []) {
    const cells = ([0, 1] as const).map((which) => {
      const bits = measured.map((one) => one.bits.get(name)?.[which] ?? Number.NaN);
      const { value, low, high } = estimate(bits, bytes);
      const change = (100 * (sum(bits) / baseOf(which) - 1)).toFixed(2);
      return `${value.toFixed(4)} (${low.toFixed(3)} to ${high.toFixed(3)}; ${change} %)`;
    });
    process.stdout.write(`| ${name} | ${cells.join(" | ")} |\n`);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
