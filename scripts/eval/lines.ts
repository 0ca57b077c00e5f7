/** The rest of a line as a person meets it: through the server's own completer, with the true text behind the cursor. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { validateSettings } from "../../protocol/settings.ts";
import type { CompletionRequest } from "../../server/completion/request.ts";
import { languageIdOf } from "../../server/languageIds.ts";
import type { LiveDocument } from "../../server/repository/liveTexts.ts";
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
  const editor = new Editor(stateline, written.folder);
  const ask = (place: Place, way: Way) => editor.ask(place, way);
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
    folders: options.readsRepository ? [{ path: folder, exclude: [] }] : [],
    storagePath: undefined,
    log: SILENT,
    answersAlone: true,
    onStatusChanged: () => undefined,
  });
  await stateline.start();
  await stateline.settled();
  if (stateline.status.state === "error") throw new Error(stateline.status.message);
  return stateline;
}

/** By key where the cursor came from elsewhere; the same where it rested at the line's beginning; or while typing. */
type Way = "key" | "rested" | "typing";

/** Has one document open, the one that is asked about. */
class Editor {
  readonly #stateline: Stateline;
  readonly #folder: string;
  #open: string | undefined;

  constructor(stateline: Stateline, folder: string) {
    this.#stateline = stateline;
    this.#folder = folder;
  }

  /** Of what is answered the first line. */
  async ask(place: Place, way: Way): Promise<Pick<Answer, "answer" | "ms">> {
    const { before, after } = place;
    const path = join(this.#folder, place.path);
    // One question must not find the other's answer as what was shown before.
    const uri = `${pathToFileURL(path).href}?${place.kind}-${way}`;
    await this.#show({ uri, path, relativePath: place.path, text: before + after });
    const languageId = languageIdOf(path);
    const requestAt = (text: string): CompletionRequest => ({
      document: { uri, relativePath: place.path, languageId, text: text + after },
      offset: text.length,
      manual: way !== "typing",
      others: [],
    });
    const line = before.lastIndexOf("\n") + 1;
    if (way === "rested") await this.#stateline.readAhead(requestAt(before.slice(0, line)));
    const [answer] = await this.#stateline.complete(requestAt(before));
    return {
      answer: (answer?.insertText.split("\n", 1)[0] ?? "").trimEnd(),
      ms: this.#stateline.lastCompletion?.msTotal ?? Number.NaN,
    };
  }

  async #show(document: LiveDocument): Promise<void> {
    this.#stateline.noteDocument(document);
    if (this.#open !== undefined) this.#stateline.noteClosed(this.#open);
    this.#open = document.uri;
    await this.#stateline.settled();
  }
}
