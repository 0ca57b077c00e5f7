/**
 * Writes what the evaluation reads and scores as tokens, so that PyTorch can do the same (model/evaluate).
 * Usage: node scripts/eval/cases.ts valid|train FOLDER [files in each repository]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { fileHeader, repositoryHeader } from "../../server/repository/stream.ts";
import { askedFiles, streamOf } from "./bits.ts";
import {
  type CorpusRepository,
  heldOutRepositories,
  trainingRepositories,
  WrittenRepository,
} from "./corpus.ts";

const [split, folder, filesEach = "8"] = process.argv.slice(2);
if ((split !== "valid" && split !== "train") || !folder) {
  throw new Error("Usage: node scripts/eval/cases.ts valid|train FOLDER [files in each repository]");
}
mkdirSync(folder, { recursive: true });
const config = JSON.parse(readFileSync(join(EMBEDDED_MODEL_PATH, "config.json"), "utf8"));
const tokenizer = await loadTokenizer(EMBEDDED_MODEL_PATH, config.vocab_size);
for (const repository of split === "valid" ? heldOutRepositories() : trainingRepositories()) {
  const found = await caseOf(tokenizer, repository, Number(filesEach));
  writeFileSync(join(folder, `${repository.name.replaceAll("/", "+")}.json`), JSON.stringify(found));
}

/** Header and texts are what is read, in this order; `asked` what is scored after it. */
async function caseOf(words: Tokenizer, repository: CorpusRepository, most: number) {
  const { asked, others } = askedFiles(repository, most);
  using written = new WrittenRepository(others);
  const texts: (readonly number[])[] = [];
  for await (const _ of streamOf(words, written, (tokens) => texts.push(tokens)));
  return {
    name: repository.name,
    header: repositoryHeader(words, repository.name.replaceAll("+", "-")),
    texts,
    asked: asked.map(({ path, text }) => ({
      path,
      bytes: Buffer.byteLength(text),
      header: fileHeader(words, path),
      tokens: words.encode(text),
    })),
  };
}
