/** Lines completed: by kind, language and threshold. */
import { table } from "../../../server/benchmark/markdown.ts";
import type { Answer } from "../answers.ts";
import { LANGUAGES } from "../languages.ts";
import { KINDS } from "../places.ts";
import { code, interval, percent, plain } from "./format.ts";
import type { LineResults } from "./results.ts";

export function linesText({ results }: LineResults): string {
  const rows = results.flatMap(({ readsRepository, figures }) =>
    figures
      .filter(({ language }) => language === "all")
      .map((one) => [
        one.kind,
        readsRepository ? "the repository" : "the file only",
        String(one.places),
        percent(one.exactMatch),
        percent(one.editSimilarity),
        interval(one.charactersSaved, 1),
        `${one.ms.p50.toFixed(0)} / ${one.ms.p95.toFixed(0)}`,
      ]),
  );
  const read = results.find(({ readsRepository }) => readsRepository);
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
  const offered = (read?.thresholds ?? []).map(({ least, offeredShare, exactShare, netCharacters }) => [
    String(least),
    `${(100 * offeredShare).toFixed(0)} %`,
    `${(100 * exactShare).toFixed(0)} %`,
    netCharacters.toFixed(2),
  ]);
  return [
    table(
      ["kind", "read before", "places", "exact", "edit similarity", "characters saved", "ms, median / p95"],
      rows,
    ),
    "With the repository, by language:",
    table(
      ["language", "places", "exact, identifier", "exact, anywhere", "saved, identifier", "saved, anywhere"],
      languages,
    ),
    "With the repository, what would be shown from which mean log-probability on (nats a token), and what that is worth:",
    table(["from", "shown", "exact of these", "net characters a request"], offered),
    "With the repository, the first wrong answer before an identifier in each language, whatever it is:",
    table(["place", "the line goes on with", "the answer"], failures(read?.answers ?? [])),
  ].join("\n\n");
}

function failures(answers: readonly Answer[]): string[][] {
  const wrong = answers.filter(({ kind, rest, answer }) => kind === "identifier" && rest !== answer);
  return LANGUAGES.flatMap((language) => {
    const first = wrong.find((one) => one.language === language);
    if (!first) return [];
    return [[`${first.repository}, ${first.path}`, code(first.rest), code(first.answer)]];
  });
}
