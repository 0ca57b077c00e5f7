/** Our model and others, on the files that all of them scored and at the places where all of them were asked. */
import { table } from "../../../server/measure/markdown.ts";
import { type Answer, figuresOf, rested, sharedWith, within } from "../answers.ts";
import { bitsFigures, type ScoredFile } from "../bits.ts";
import { KINDS } from "../places.ts";
import { scoredFiles, timed } from "../smollm2.ts";
import { interval, percent, picture, plain } from "./format.ts";
import type {
  BitsResults,
  LineResults,
  NgramResults,
  PeerResults,
  Results,
  Smollm2Results,
} from "./results.ts";

/** What a completion may take at most. */
const BUDGET_MS = 100;

interface Run {
  readonly name: string;
  /** With the times of a model that had read the file up to the line. */
  readonly answers: readonly Answer[];
  /** With those of one that had read nothing of it; absent where that makes no difference. */
  readonly cold?: readonly Answer[];
}

export function besideText({ bits, lines, ngram, smollm2, peer }: Results): string {
  return [
    bits && bitsText(bits, ngram, smollm2),
    lines && linesText(lines, ngram, smollm2, peer),
    lines && `Stateline is timed on ${lines.device}.`,
    smollm2 && smollm2Text(smollm2),
    machinesText({ Stateline: lines, "the n-gram": ngram, SmolLM2: smollm2, "Qwen2.5-Coder": peer }),
    lines && picture("lines-beside-others", "Lines completed exactly, beside other models"),
  ]
    .filter(Boolean)
    .join("\n\n");
}

/** Of the files that all of them scored. */
function bitsText(
  { model, results }: BitsResults,
  ngram: NgramResults | undefined,
  smollm2: Smollm2Results | undefined,
): string {
  const ours = results.find(({ hybridRatio }) => hybridRatio === model.defaultHybridRatio)?.files ?? [];
  const runs = [
    { name: "Stateline", files: ours },
    ...(ngram ? [{ name: "nested n-gram", files: ngram.files }] : []),
    ...(smollm2 ? [{ name: "SmolLM2-135M-Instruct", files: scoredFiles(smollm2) }] : []),
  ];
  const key = ({ repository, path }: ScoredFile): string => `${repository}/${path}`;
  const keys = runs.map(({ files }) => new Set(files.map(key)));
  const common = new Set(ours.map(key).filter((one) => keys.every((known) => known.has(one))));
  const rows = runs.map(({ name, files }) => {
    const [all] = bitsFigures(files.filter((file) => common.has(key(file))));
    const { alone, read, recalled } = all?.bitsPerByte ?? {};
    return [name, ...[alone, read, recalled].map((estimate) => interval(estimate, 3))];
  });
  const head = ["bits a byte", "file alone", "repository read", "and recalled exactly"];
  return `The same ${common.size} files for all:\n\n${table(head, rows)}`;
}

function linesText(
  lines: LineResults,
  ngram: NgramResults | undefined,
  smollm2: Smollm2Results | undefined,
  peer: PeerResults | undefined,
): string {
  const runs = runsOf(lines, ngram, smollm2, peer);
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
    `exact within ${BUDGET_MS} ms, file read before`,
    `exact within ${BUDGET_MS} ms, not read before`,
    "characters saved",
  ];
  return `The same places for all: ${places}.\n\n${table(head, rows)}`;
}

function runsOf(
  lines: LineResults,
  ngram: NgramResults | undefined,
  smollm2: Smollm2Results | undefined,
  peer: PeerResults | undefined,
): Run[] {
  const named = (name: string) => (run: { readsRepository: boolean; answers: readonly Answer[] }) => ({
    name: `${name}, ${run.readsRepository ? "repository" : "file only"}`,
    answers: run.answers,
  });
  const runs: Run[] = [
    ...lines.results.flatMap((run) => {
      if (run.asked === "saved") return [];
      const ours = named("Stateline")(run);
      return { ...ours, answers: rested(ours.answers), cold: ours.answers };
    }),
    ...(ngram?.results ?? []).map(named("nested n-gram")),
  ];
  if (smollm2) {
    const name = "SmolLM2-135M-Instruct, text before the cursor";
    runs.push({ name, answers: timed(smollm2, "file"), cold: timed(smollm2, "nothing") });
  }
  if (peer) runs.push({ name: "Qwen2.5-Coder-0.5B, text around the cursor", answers: peer.answers });
  return runs;
}

/** Nothing where all were timed on the same processor. */
function machinesText(
  timed: Record<string, LineResults | NgramResults | PeerResults | Smollm2Results | undefined>,
): string {
  const known = Object.entries(timed).flatMap(([name, of]) => (of ? [{ name, cpu: of.machine.cpu }] : []));
  if (new Set(known.map(({ cpu }) => cpu)).size < 2) return "";
  const where = known.map(({ name, cpu }) => `${name} on ${cpu}`).join(", ");
  return `Not timed on the same machine: ${where}. So what is exact within ${BUDGET_MS} ms compares machines, too.`;
}

function smollm2Text({ speeds, machine }: Smollm2Results): string {
  const rates = [speeds.longMs, speeds.shortMs, speeds.oneMs].map((ms) => ms.toFixed(1)).join(" / ");
  return `SmolLM2 needs ${rates} ms a token on two threads of ${machine.cpu} (a long text / a dozen tokens / one by one, the best on any machine so far); its times are counts of tokens times these.`;
}
