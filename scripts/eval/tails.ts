/**
 * What a state is worth by what it read last, with and without the exact recall of the whole repository: the last tokens of the
 * reading order, then texts that bear on the file that is scored.
 *
 *   node scripts/eval/tails.ts [TEXT IN A REPOSITORY'S NAME] [FILES EACH]
 */
import { posix } from "node:path";
import type { State } from "../../server/engine/engine.ts";
import type { Tokenizer } from "../../server/engine/tokenizer.ts";
import { languageIdOf } from "../../server/languageIds.ts";
import { importedBy } from "../../server/repository/imports.ts";
import type { WorkspaceFile } from "../../server/repository/sources.ts";
import { byLikeness, nearest, type TailFile } from "../../server/repository/stateTail.ts";
import { fileHeader, repositoryHeader } from "../../server/repository/stream.ts";
import { askedFiles, bitsOf } from "./bits.ts";
import { type CorpusFile, heldOutRepositories } from "./corpus.ts";
import { type Loaded, withModel } from "./parts/options.ts";
import { estimate } from "./random.ts";
import { advanced, scoresOf, type Text, textsOf } from "./reading.ts";

const TAILS = [2048, 8192, 131_072];

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
  const recall = model.createRecall(
    texts.reduce((sum, { tokens }) => sum + tokens.length + 1, 0),
    tokenizer.kinds,
  );
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
  const languageId = languageIdOf(file.path);
  const focus = { uri: file.path, relativePath: file.path, languageId, text: head };
  const own = tokenizer.encode(head);
  const all = texts.map(({ path, tokens }) => ({ file: workspaceFile(path), tokens }));
  const near = new Set(
    nearest(
      all.map((one) => one.file),
      focus,
    ),
  );
  const imports = importedBy(focus);
  const imported = all.filter((one) => imports(one.file.relativePath));
  const nearFiles = all.filter((one) => near.has(one.file));
  const beginnings = (files: readonly TailFile[], most: number) =>
    files.map((one) => ({ ...one, tokens: one.tokens.slice(0, most) }));
  const first = (chosen: readonly TailFile[], count: number, tokensEach: number) =>
    chosen
      .slice(0, count)
      .reverse()
      .flatMap(({ tokens }) => tokens.slice(0, tokensEach));
  const folder = posix.dirname(file.path);
  const siblings = all.filter((one) => posix.dirname(one.file.relativePath) === folder);
  const likest = byLikeness(all, own);
  const likestNear = byLikeness(nearFiles, own);
  return [
    ["the likest, 2048", first(likest, 1, 2048)],
    ["the 4 likest, 2048 each", first(likest, 4, 2048)],
    ["the 4 likest imported, 2048 each", first(byLikeness(imported, own), 4, 2048)],
    ["the 4 likest of its folder, 2048 each", first(byLikeness(siblings, own), 4, 2048)],
    ["the likest of the near, 2048", first(likestNear, 1, 2048)],
    ["the 4 likest of the near, 2048 each", first(likestNear, 4, 2048)],
    ["the 8 likest of the near, 1024 each", first(likestNear, 8, 1024)],
    [
      "the 8 likest of the near by their beginnings, 1024 each",
      first(byLikeness(beginnings(nearFiles, 1024), own), 8, 1024),
    ],
  ];
}

function workspaceFile(relativePath: string): WorkspaceFile {
  return { folder: 0, path: relativePath, relativePath, sizeBytes: 1, modifiedMs: 0 };
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
