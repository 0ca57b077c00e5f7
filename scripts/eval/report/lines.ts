/** Lines completed: by kind and language, and what is shown unasked. */
import { table } from "../../../server/measure/markdown.ts";
import type { Answer, Spread } from "../answers.ts";
import { LANGUAGES } from "../languages.ts";
import { KINDS } from "../places.ts";
import { code, interval, percent, plain } from "./format.ts";
import type { LineResults, LineRun } from "./results.ts";

const SAVED =
  "Several lines may be answered, of which the first is compared. The line that is asked for is not on disk; or, where that is said, saved as far as the cursor, as automatic saving leaves it. Its document is open.";

export function linesText({ results, device }: LineResults): string {
  const rows = results.flatMap((run) =>
    run.figures
      .filter(({ language }) => language === "all")
      .map((one) => [
        one.kind,
        readBefore(run),
        String(one.places),
        percent(one.exactMatch),
        percent(one.editSimilarity),
        interval(one.charactersSaved, 1),
        milliseconds(one.ms),
        milliseconds(one.restedMs),
      ]),
  );
  const read = results.find(({ readsRepository, asked }) => readsRepository && asked !== "saved");
  const languages = [...new Set((read?.figures ?? []).map(({ language }) => language))].map((language) => {
    const of = (kind: string) => read?.figures.find((one) => one.kind === kind && one.language === language);
    const [identifier, anywhere] = KINDS.map(of);
    return [
      language,
      String((identifier?.places ?? 0) + (anywhere?.places ?? 0)),
      percent(identifier?.exactMatch),
      percent(anywhere?.exactMatch),
      plain(identifier?.charactersSaved, 1),
      plain(anywhere?.charactersSaved, 1),
    ];
  });
  const offered = results.map(({ offered: shown, ...run }) => [
    readBefore(run),
    share(shown.offeredShare),
    share(shown.rightShare),
    share(shown.exactShare),
    interval(shown.netCharacters, 1),
  ]);
  return [
    table(
      [
        "kind",
        "read before",
        "places",
        "exact",
        "edit similarity",
        "characters saved",
        "ms, median / p95",
        "ms where the cursor had rested",
      ],
      rows,
    ),
    results.some(({ asked }) => asked === "saved") ? SAVED : "",
    `Timed on ${device}. With the repository, by language:`,
    table(
      ["language", "places", "exact, identifier", "exact, anywhere", "saved, identifier", "saved, anywhere"],
      languages,
    ),
    "Those were asked for by key. While a person types, a line is shown only as far as it is likely (server/completion/generate.ts):",
    table(
      [
        "read before",
        "shown",
        "right to its end",
        "the whole line",
        "characters right less wrong, a request",
      ],
      offered,
    ),
    "With the repository, the first wrong answer before an identifier in each language, whatever it is:",
    table(["place", "the line goes on with", "the answer"], failures(read?.answers ?? [])),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function readBefore({ readsRepository, asked }: Pick<LineRun, "readsRepository" | "asked">): string {
  if (!readsRepository) return "the file only";
  return asked === "saved" ? "the repository, the line saved as far as the cursor" : "the repository";
}

function milliseconds(spread: Spread | undefined): string {
  return spread ? `${spread.p50.toFixed(0)} / ${spread.p95.toFixed(0)}` : "";
}

function share(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}

function failures(answers: readonly Answer[]): string[][] {
  const wrong = answers.filter(({ kind, rest, answer }) => kind === "identifier" && rest !== answer);
  return LANGUAGES.flatMap((language) => {
    const first = wrong.find((one) => one.language === language);
    if (!first) return [];
    return [[`${first.repository}, ${first.path}`, code(first.rest), code(first.answer)]];
  });
}
