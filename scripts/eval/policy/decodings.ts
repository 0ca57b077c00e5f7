/** What the model would write at every key of replayed edits, with what is typed there in truth: policies are fitted on it. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { validateSettings } from "../../../protocol/settings.ts";
import type { Costs, Decoded } from "../../../server/completion/policy.ts";
import type { CompletionRequest } from "../../../server/completion/request.ts";
import { Stateline } from "../../../server/stateline.ts";
import { SILENT } from "../corpus.ts";
import type { FileEdits } from "../replay/edits.ts";
import { beginWriting, isWritten, pressKey, styleOf } from "../replay/typing.ts";

/** Far below what any policy would show; and nothing is shown, so that each key is decoded for. */
const COSTS: Costs = { wrong: Number.POSITIVE_INFINITY, leastProbability: 0.03 };

/** Enough to find the line above. */
const MOST_BEFORE = 4000;

/** At one key of an edit. */
export interface DecodedHere extends Decoded {
  readonly lineBefore: string;
  readonly lineAfter: string;
  readonly previousLine: string;
}

/** One edit, key by key, typed without help. */
export interface DecodedEdit {
  readonly path: string;
  readonly language: string;
  readonly target: string;
  readonly keys: readonly DecodedKey[];
}

export interface DecodedKey {
  /** Of the target, before the cursor. */
  readonly typed: number;
  readonly slack: boolean;
  /** Keys to get here from the one before. */
  readonly keys: number;
  readonly decoded: DecodedHere | undefined;
}

export class Decoder implements Disposable {
  readonly #folder: string;
  readonly #stateline: Stateline;
  #noted: DecodedHere | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    const { settings } = validateSettings({ triggerDelayMs: 1, threads: 1 });
    this.#stateline = new Stateline({
      settings,
      folders: [{ path: folder, exclude: [] }],
      storagePath: undefined,
      log: SILENT,
      onStatusChanged: () => undefined,
      costs: COSTS,
      onDecoded: (decoded, request) => this.#note(decoded, request),
    });
  }

  static async begin(folder: string): Promise<Decoder> {
    const decoder = new Decoder(folder);
    await decoder.#stateline.start();
    await decoder.#stateline.settled();
    if (decoder.#stateline.status.state === "error") throw new Error(decoder.#stateline.status.message);
    return decoder;
  }

  async edits(file: FileEdits): Promise<DecodedEdit[]> {
    const { path, language, languageId } = file;
    const style = styleOf(file.text, languageId);
    const done: DecodedEdit[] = [];
    let text = file.text;
    let shift = 0;
    for (const edit of file.edits) {
      const start = lineStart(text, edit.line + shift);
      const end = lineStart(text, edit.line + shift + edit.removed);
      shift += edit.added.length - edit.removed;
      if (!edit.isTyped) {
        text = text.slice(0, start) + edit.added.map((line) => `${line}\n`).join("") + text.slice(end);
        continue;
      }
      // Before the edit a person looks at the text, and what stands there is recalled.
      this.#open(path, text);
      await this.#stateline.settled();
      const cursor = Math.max(0, start - 1);
      const [before, after] = [
        text.slice(0, cursor),
        (start === 0 ? "\n" : "") + text.slice(cursor, start) + text.slice(end),
      ];
      const target = (start === 0 ? "" : "\n") + edit.added.join("\n");
      const lineBefore = before.slice(before.lastIndexOf("\n") + 1);
      const keys: DecodedKey[] = [];
      for (let writing = beginWriting(target); !isWritten(writing); ) {
        const step = pressKey(writing, lineBefore, style);
        writing = step.writing;
        const { typed, slack, right } = writing;
        const decoded = await this.#ask(path, languageId, before + typed + slack, right + after);
        keys.push({ typed: typed.length, slack: slack !== "", keys: step.keys, decoded });
      }
      done.push({ path, language, target, keys });
      text = before + target + after;
    }
    return done;
  }

  [Symbol.dispose](): void {
    this.#stateline.dispose();
  }

  /** Or changes it; returns its URI. */
  #open(path: string, text: string): string {
    const absolute = join(this.#folder, path);
    const uri = pathToFileURL(absolute).href;
    this.#stateline.noteDocument({ uri, path: absolute, relativePath: path, text });
    return uri;
  }

  async #ask(
    path: string,
    languageId: string,
    before: string,
    after: string,
  ): Promise<DecodedHere | undefined> {
    const text = before + after;
    const uri = this.#open(path, text);
    this.#noted = undefined;
    const document = { uri, relativePath: path, languageId, text };
    await this.#stateline.complete({ document, offset: before.length, manual: false, others: [] });
    return this.#noted;
  }

  #note({ text, pieces, next, isOpen }: Decoded, { document, offset }: CompletionRequest): void {
    const lines = document.text.slice(Math.max(0, offset - MOST_BEFORE), offset).split("\n");
    this.#noted = {
      ...{ text, pieces, next, isOpen },
      lineBefore: lines.at(-1) ?? "",
      lineAfter: document.text.slice(offset).split("\n", 1)[0] ?? "",
      previousLine: lines.slice(0, -1).findLast((line) => line.trim() !== "") ?? "",
    };
  }
}

function lineStart(text: string, line: number): number {
  let start = 0;
  for (let i = 0; i < line; i++) start = text.indexOf("\n", start) + 1;
  return start;
}
