/** Lines completed by our model and by others, at the places where all of them were asked. */
import { table } from "../../markdown.ts";
import { type Answer, figuresOf, sharedWith, within } from "../answers.ts";
import { bitsFigures } from "../bits.ts";
import { KINDS } from "../places.ts";
import { timed } from "../smollm2.ts";
import { interval, kilobytes, percent, picture, plain } from "./format.ts";
import type { LineResults, NgramResults, Smollm2Results } from "./results.ts";

/** What a completion may take at most. */
const BUDGET_MS = 100;

interface Run {
  readonly name: string;
  readonly answers: readonly Answer[];
  /** With the times of a model that had read nothing of the file; ours are so anyway. */
  readonly cold?: readonly Answer[];
}

export function besideText(
  lines: LineResults,
  ngram: NgramResults | undefined,
  smollm2: Smollm2Results | undefined,
): string {
  const runs = runsOf(lines, ngram, smollm2);
  const common = runs.reduce((all, { answers }) => sharedWith(answers, all), runs[0]?.answers ?? []);
  const of = (kind: string, answers: readonly Answer[]) =>
    sharedWith(common, answers).filter((one) => one.kind === kind);
  const rows = KINDS.flatMap((kind) =>
    runs.map(({ name, answers, cold = answers }) => {
      const all = figuresOf(of(kind, answers));
      const inTime = figuresOf(of(kind, within(BUDGET_MS, answers)));
      const coldInTime = figuresOf(of(kind, within(BUDGET_MS, cold)));
      const exact = [all, inTime, coldInTime].map(({ exactMatch }) => percent(exactMatch));
      return [kind, name, ...exact, plain(all.charactersSaved, 1)];
    }),
  );
  const places = KINDS.map((kind) => `${of(kind, common).length} ${kind}`).join(", ");
  const head = [
    "kind",
    "model",
    "exact, at any time",
    `exact within ${BUDGET_MS} ms`,
    `exact within ${BUDGET_MS} ms, file not read before`,
    "characters saved",
  ];
  return [
    `The same places for all: ${places}.`,
    table(head, rows),
    smollm2 ? smollm2Text(smollm2) : "",
    picture("lines-beside-others", "Lines completed exactly, beside other models"),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function runsOf(
  lines: LineResults,
  ngram: NgramResults | undefined,
  smollm2: Smollm2Results | undefined,
): Run[] {
  const named = (name: string) => (run: { readsRepository: boolean; answers: readonly Answer[] }) => ({
    name: `${name}, ${run.readsRepository ? "repository" : "file only"}`,
    answers: run.answers,
  });
  const runs: Run[] = [
    ...lines.results.map(named("Stateline")),
    ...(ngram?.results ?? []).map(named("nested n-gram")),
  ];
  if (!smollm2) return runs;
  const name = "SmolLM2-135M-Instruct, text before the cursor";
  return [...runs, { name, answers: timed(smollm2, "file"), cold: timed(smollm2, "nothing") }];
}

function smollm2Text({ speeds, bits, machine }: Smollm2Results): string {
  const scored = bits.map(({ bitsAlone, ...file }) => ({ ...file, bits: { alone: bitsAlone } }));
  const [all] = bitsFigures(scored);
  const rates = [speeds.longMs, speeds.shortMs, speeds.oneMs].map((ms) => ms.toFixed(1)).join(" / ");
  return `SmolLM2 needs ${rates} ms a token on two threads of ${machine.cpu} (a long text / a dozen tokens / one by one, the best of several); its times are counts of tokens times these. On ${all?.files ?? 0} of the files above, ${kilobytes(all?.bytes ?? 0)}, it needs ${interval(all?.bitsPerByte.alone, 3)} bits a byte alone.`;
}
