/** Held-out repositories of the corpus, and copies of them on disk without what a model is asked for. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const CORPUS = fileURLToPath(new URL("../../.cache/corpus", import.meta.url));

/** What the server would log is no part of a figure. */
export const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };

export interface CorpusFile {
  readonly path: string;
  readonly text: string;
}

export interface CorpusRepository {
  readonly name: string;
  readonly files: readonly CorpusFile[];
}

/** Those that training never sees. */
export const heldOutRepositories = (): CorpusRepository[] => repositoriesIn("valid");
export const trainingRepositories = (): CorpusRepository[] => repositoriesIn("train");

function repositoriesIn(part: "train" | "valid"): CorpusRepository[] {
  const folder = join(CORPUS, part);
  if (!existsSync(folder)) {
    throw new Error(
      `There is no corpus in ${folder}: fetch it with .cache/venv/bin/python model/data/fetch.py.`,
    );
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .map((name) => ({
      name: name.replace(/^[a-z]+__/, "").replace(/\.jsonl$/, ""),
      files: readFileSync(join(folder, name), "utf8")
        .trimEnd()
        .split("\n")
        .map((line): CorpusFile => JSON.parse(line)),
    }));
}

/** Repositories with so many bytes, each in a folder of its own. */
export function heldOutFiles(bytes: number): CorpusFile[] {
  const files: CorpusFile[] = [];
  let left = bytes;
  for (const { name, files: texts } of heldOutRepositories()) {
    for (const { path, text } of texts) files.push({ path: `${name}/${path}`, text });
    left -= texts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    if (left <= 0) return files;
  }
  return files;
}

/** A folder that is gone when it is disposed of; its last part is the repository's name, which the model reads. */
export class WrittenRepository implements Disposable {
  readonly folder: string;
  readonly #parent = mkdtempSync(join(tmpdir(), "stateline-eval-"));

  constructor({ name, files }: CorpusRepository) {
    this.folder = join(this.#parent, name.replaceAll("+", "-"));
    for (const { path, text } of files) {
      const target = join(this.folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true, force: true });
  }
}
