/** The rest of a line as a person meets it: through the server's own completer, with the true text behind the cursor. */
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { validateSettings } from "../../protocol/settings.ts";
import type { CompletionRequest } from "../../server/completion/request.ts";
import { Stateline } from "../../server/stateline.ts";
import { type Answer, answerTo } from "./answers.ts";
import { type CorpusRepository, SILENT, WrittenRepository } from "./corpus.ts";
import { asOnDisk, type OnDisk, type Place, placesIn } from "./places.ts";

export interface LineOptions {
  readonly hybridRatio: number | undefined;
  readonly attentionWindow: number | undefined;
  readonly modelPath: string;
  readonly readsRepository: boolean;
  readonly asked: OnDisk;
  readonly placesEach: number;
}

export interface LineAnswers {
  readonly byKey: readonly Answer[];
  /** What is shown while a person types: empty where nothing is. */
  readonly unasked: readonly Answer[];
  /** E.g. "cpu (avx2, 2 threads)". */
  readonly device: string;
}

export async function askForLines(repository: CorpusRepository, options: LineOptions): Promise<LineAnswers> {
  const places = placesIn(repository, options.placesEach);
  using written = new WrittenRepository(asOnDisk(repository, places, options.asked));
  const stateline = await start(written.folder, options);
  const { device } = stateline.status;
  const ask = (place: Place, way: Way) => askAt(stateline, written.folder, place, way);
  const byKey: Answer[] = [];
  const unasked: Answer[] = [];
  try {
    for (const place of places) {
      const restedMs = (await ask(place, "rested")).ms;
      byKey.push(answerTo(place, repository.name, { ...(await ask(place, "key")), restedMs }));
      unasked.push(answerTo(place, repository.name, await ask(place, "typing")));
    }
  } finally {
    stateline.dispose();
  }
  return { byKey, unasked, device };
}

async function start(folder: string, options: LineOptions): Promise<Stateline> {
  const { hybridRatio, attentionWindow, modelPath } = options;
  const { settings, problems } = validateSettings({ hybridRatio, attentionWindow, modelPath });
  if (problems[0]) throw new Error(problems[0]);
  const stateline = new Stateline({
    settings,
    folders: options.readsRepository ? [folder] : [],
    storagePath: undefined,
    log: SILENT,
    onStatusChanged: () => undefined,
  });
  await stateline.start();
  await stateline.settled();
  if (stateline.status.state === "error") throw new Error(stateline.status.message);
  return stateline;
}

/** By key where the cursor came from elsewhere; the same where it rested at the line's beginning; or while typing. */
type Way = "key" | "rested" | "typing";

/** In the open document, as an editor asks; of what comes the first line. */
async function askAt(
  stateline: Stateline,
  folder: string,
  { kind, path: relativePath, before, after }: Place,
  way: Way,
): Promise<Pick<Answer, "answer" | "ms">> {
  const path = join(folder, relativePath);
  // One question must not find the other's answer as what was shown before.
  const uri = `${pathToFileURL(path).href}?${kind}-${way}`;
  stateline.noteDocument({ uri, path, relativePath, text: before + after });
  await stateline.settled();
  const requestAt = (text: string): CompletionRequest => ({
    document: {
      uri,
      relativePath,
      languageId: extname(relativePath).slice(1),
      text: text + after,
      editedLine: undefined,
    },
    offset: text.length,
    manual: way !== "typing",
    others: [],
  });
  if (way === "rested") await stateline.readAhead(requestAt(before.slice(0, before.lastIndexOf("\n") + 1)));
  const answer = await stateline.complete(requestAt(before));
  stateline.noteClosed(uri);
  return {
    answer: (answer?.insertText.split("\n", 1)[0] ?? "").trimEnd(),
    ms: stateline.lastCompletion?.msTotal ?? Number.NaN,
  };
}
