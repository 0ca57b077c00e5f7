/** Lines completed by the server's own completer. */
import { type Answer, answerFigures, compared, offeredFigures } from "../answers.ts";
import { askForLines } from "../lines.ts";
import { chosen, type Options } from "./options.ts";

/** The file alone, the repository without the line, and with the line as far as automatic saving puts it on disk. */
const CONDITIONS = [
  { readsRepository: false, asked: "absent" },
  { readsRepository: true, asked: "absent" },
  { readsRepository: true, asked: "saved" },
] as const;

/** At the model's default ratio, with as many lines as the product allows. */
export async function lines(options: Options): Promise<object> {
  const results = [];
  let device = "";
  for (const condition of CONDITIONS) {
    const answers: Answer[] = [];
    const shown: Answer[] = [];
    for (const repository of chosen(options)) {
      const asked = await askForLines(repository, {
        hybridRatio: undefined,
        attentionWindow: options.window,
        modelPath: options.modelPath ?? "",
        ...condition,
        placesEach: options.placesEach,
      });
      device = asked.device;
      answers.push(...asked.byKey);
      shown.push(...asked.unasked);
    }
    const offered = offeredFigures(shown);
    options.say(
      `${condition.readsRepository ? "repository" : "file only"}, the line ${condition.asked} on disk`,
    );
    options.say(`shown unasked: ${offered.netCharacters.value.toFixed(1)} characters right less wrong`);
    results.push({ ...condition, ...lineFigures(answers, options), offered });
  }
  return { placesEach: options.placesEach, device, results };
}

/** Of all places; and the answers themselves where slow models are asked too, to be compared there. */
export function lineFigures(answers: readonly Answer[], { say }: Options) {
  const figures = answerFigures(answers);
  for (const { kind, language, places, exactMatch, charactersSaved, ms } of figures) {
    if (language === "all") {
      say(
        `${kind}, ${places} places: exact ${(100 * exactMatch.value).toFixed(1)} %, ${charactersSaved.value.toFixed(1)} characters saved, p50 ${ms.p50.toFixed(0)} ms`,
      );
    }
  }
  return { figures, answers: compared(answers) };
}
