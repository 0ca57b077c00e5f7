/** Evaluates a model through the native engine on held-out repositories: bits a byte, and lines as a person meets them. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "../server/benchmark/machine.ts";
import { loadNativeEngine } from "../server/engine/native.ts";
import { chooseThreads } from "../server/engine/threads.ts";
import { loadTokenizer } from "../server/engine/tokenizer.ts";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../server/installation.ts";
import { type BitsFigures, bitsFigures, type ScoredFile, scoreFiles } from "./eval/bits.ts";
import { type CorpusRepository, heldOutRepositories } from "./eval/corpus.ts";
import { type Asked, askForLines, lineFigures, thresholds } from "./eval/lines.ts";
import type { Estimate } from "./eval/random.ts";

const HELP = `Evaluates a model on the held-out repositories of the corpus.

Usage: ./dev eval [options]
  --model FOLDER     another model than the embedded one
  --ratios R,R,...   hybrid ratios; by default 0,0.25,0.5,0.75,1
  --window N         attention window in tokens, 0 = unbounded; by default the model's own
  --files N          files scored in each repository; 0 leaves bits a byte out (default 12)
  --places N         lines asked for in each repository and of each kind; 0 leaves them out (default 30)
  --answers FILE     every line that was asked for, and its answer, as JSON
  --out FILE         the figures as JSON
  --help
`;

const { values } = parseArgs({
  options: {
    model: { type: "string", default: EMBEDDED_MODEL_PATH },
    ratios: { type: "string", default: "0,0.25,0.5,0.75,1" },
    window: { type: "string" },
    files: { type: "string", default: "12" },
    places: { type: "string", default: "30" },
    answers: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});

if (values.help) process.stdout.write(HELP);
else await evaluate();

async function evaluate(): Promise<void> {
  const repositories = heldOutRepositories();
  const results = [];
  const answers: { hybridRatio: number; readsRepository: boolean; asked: readonly Asked[] }[] = [];
  for (const hybridRatio of values.ratios.split(",").map(Number)) {
    const bits = await bitsAt(repositories, hybridRatio);
    if (bits) print(`ratio ${hybridRatio}`, bitsRow(bits));
    const lines = [];
    for (const readsRepository of Number(values.places) > 0 ? [false, true] : []) {
      const asked = await linesAt(repositories, hybridRatio, readsRepository);
      answers.push({ hybridRatio, readsRepository, asked });
      const figures = lineFigures(asked);
      for (const one of figures) {
        const { exactMatch, editSimilarity, charactersRight, ms } = one;
        print(
          `ratio ${hybridRatio}, ${one.kind}, ${readsRepository ? "repository read" : "file only"}`,
          `${one.places} places: exact ${percent(exactMatch)}, similarity ${percent(editSimilarity)}, ${range(charactersRight, 1)} characters right, p50 ${ms.p50.toFixed(0)} ms, p95 ${ms.p95.toFixed(0)} ms`,
        );
      }
      lines.push({ readsRepository, figures, thresholds: thresholds(asked) });
    }
    results.push({ hybridRatio, bits, lines });
  }
  const record = {
    command: ["./dev eval", ...process.argv.slice(2)].join(" "),
    machine: describeMachine(),
    results,
  };
  if (values.out) writeFileSync(values.out, `${JSON.stringify(record, null, 1)}\n`);
  if (values.answers) writeFileSync(values.answers, `${JSON.stringify(answers, null, 1)}\n`);
}

async function bitsAt(
  repositories: readonly CorpusRepository[],
  hybridRatio: number,
): Promise<BitsFigures | undefined> {
  const filesEach = Number(values.files);
  if (filesEach === 0) return undefined;
  const model = await loadNativeEngine(ADDON_PATH).loadModel(values.model, { threads: chooseThreads(0) });
  const tokenizer = await loadTokenizer(values.model, model.info.vocabSize);
  const attentionWindow = values.window === undefined ? model.info.attentionWindow : Number(values.window);
  const stateHeads = Math.round(hybridRatio * model.info.heads);
  const scored: ScoredFile[] = [];
  for (const repository of repositories) {
    scored.push(
      ...(await scoreFiles(model, tokenizer, repository, { stateHeads, attentionWindow, filesEach })),
    );
  }
  model.dispose();
  return bitsFigures(scored);
}

async function linesAt(
  repositories: readonly CorpusRepository[],
  hybridRatio: number,
  readsRepository: boolean,
): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const repository of repositories) {
    const options = {
      hybridRatio,
      attentionWindow: values.window === undefined ? undefined : Number(values.window),
      modelPath: values.model === EMBEDDED_MODEL_PATH ? "" : values.model,
      readsRepository,
      placesEach: Number(values.places),
    };
    asked.push(...(await askForLines(repository, options)));
  }
  return asked;
}

function bitsRow({ files, bytes, alone, afterRepository, recalled }: BitsFigures): string {
  const less = ({ value }: Estimate) => `${(100 * (1 - value / alone.value)).toFixed(1)} % less`;
  return `${files} files, ${bytes} bytes: ${range(alone, 3)} bits a byte alone, ${range(afterRepository, 3)} with the repository (${less(afterRepository)}), ${range(recalled, 3)} recalled (${less(recalled)})`;
}

function percent({ value, low, high }: Estimate): string {
  return range({ value: 100 * value, low: 100 * low, high: 100 * high }, 1, " %");
}

function range({ value, low, high }: Estimate, digits: number, unit = ""): string {
  return `${value.toFixed(digits)}${unit} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

function print(label: string, text: string): void {
  process.stdout.write(`${label}: ${text}\n`);
}
