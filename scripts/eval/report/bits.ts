/** Bits a byte: by ratio, language and position. */
import { table } from "../../../server/measure/markdown.ts";
import type { BitsFigures } from "../bits.ts";
import { interval, kilobytes, lessThan, picture, plain, thousands } from "./format.ts";
import type { BitsResults, NgramResults } from "./results.ts";

export function bitsText({ model, results }: BitsResults, ngram: NgramResults | undefined): string {
  const byDefault = results.find(({ hybridRatio }) => hybridRatio === model.defaultHybridRatio);
  const [all, ...languages] = byDefault?.figures ?? [];
  const columns = ["file alone", "repository read, state only", "and recalled exactly"];
  const [counted] = ngram?.bits ?? [];
  return [
    `${all?.files ?? 0} held-out files, ${kilobytes(all?.bytes ?? 0)}; ${model.quantization}. Brackets are 95 % bootstrap intervals over files, per cents are against the file alone.`,
    table(
      ["hybrid ratio", ...columns],
      [
        ...results.map(({ hybridRatio, figures }) => [String(hybridRatio), ...cells(figures[0])]),
        ...(counted ? [["nested n-gram", ...cells(counted)]] : []),
      ],
    ),
    picture("bits-by-ratio", "Bits a byte by hybrid ratio"),
    `At the default ratio, ${model.defaultHybridRatio}:`,
    table(
      ["language", "files", ...columns],
      languages.map((figures) => [figures.language, String(figures.files), ...cells(figures)]),
    ),
    "By the tokens of the repository that were read before, every token of all other files counted where it stands:",
    positionsTable(results, model.defaultHybridRatio),
    "The text differs from row to row: compare within a row.",
    picture("bits-by-position", "Bits a byte by position in the repository"),
  ].join("\n\n");
}

function cells(figures: BitsFigures | undefined): string[] {
  const { alone, read, recalled } = figures?.bitsPerByte ?? {};
  return [interval(alone, 3), lessThan(alone, read), lessThan(alone, recalled)];
}

function positionsTable(results: BitsResults["results"], defaultRatio: number): string {
  const byDefault = results.find(({ hybridRatio }) => hybridRatio === defaultRatio);
  const head = [
    "tokens before",
    `file alone (${defaultRatio})`,
    ...results.map(({ hybridRatio }) => `ratio ${hybridRatio}`),
    `recalled (${defaultRatio})`,
  ];
  const rows = (byDefault?.positions ?? []).map(({ from, to, bitsPerByte }, i) => [
    `${thousands(from)} to ${thousands(to)}`,
    plain(bitsPerByte.alone, 3),
    ...results.map(({ positions }) => plain(positions[i]?.bitsPerByte.read, 3)),
    plain(bitsPerByte.recalled, 3),
  ]);
  return table(head, rows);
}
