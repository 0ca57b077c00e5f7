/**
 * Writes what the evaluation reads, scores and asks for, one file a repository, so that programs in other languages do the
 * same (model/evaluate): as tokens for PyTorch, as text for models with a tokenizer of their own.
 * Usage: node scripts/eval/cases.ts valid|train FOLDER [files in each repository]
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer, type Tokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { fileHeader, repositoryHeader } from "../../server/repository/stream.ts";
import { COMPARED_PLACES } from "./answers.ts";
import { askedFiles } from "./bits.ts";
import { type CorpusRepository, heldOutRepositories, trainingRepositories } from "./corpus.ts";
import { placesIn } from "./places.ts";
import { textsOf } from "./reading.ts";

if (import.meta.main) {
  const [split, folder, filesEach = "4"] = process.argv.slice(2);
  if ((split !== "valid" && split !== "train") || !folder) {
    throw new Error("Usage: node scripts/eval/cases.ts valid|train FOLDER [files in each repository]");
  }
  const repositories = split === "valid" ? heldOutRepositories() : trainingRepositories();
  await writeCases(folder, await tokenizerOf(EMBEDDED_MODEL_PATH), repositories, Number(filesEach));
}

/** Of a model's folder, without the model. */
export async function tokenizerOf(modelPath: string): Promise<Tokenizer> {
  const config = JSON.parse(readFileSync(join(modelPath, "config.json"), "utf8"));
  return await loadTokenizer(modelPath, config.vocab_size);
}

/** The folder then holds these cases and nothing else. */
export async function writeCases(
  folder: string,
  tokenizer: Tokenizer,
  repositories: readonly CorpusRepository[],
  filesEach: number,
): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const repository of repositories) {
    const found = await caseOf(tokenizer, repository, filesEach);
    writeFileSync(join(folder, `${repository.name.replaceAll("/", "+")}.json`), JSON.stringify(found));
  }
}

/** Header and texts are what is read, in this order; `asked` what is scored after it; `places` where a line is asked for. */
async function caseOf(tokenizer: Tokenizer, repository: CorpusRepository, most: number) {
  const { asked, others } = askedFiles(repository, most);
  const texts = await textsOf(tokenizer, others);
  return {
    name: repository.name,
    header: repositoryHeader(tokenizer, repository.name.replaceAll("+", "-")),
    texts: texts.map(({ tokens }) => tokens),
    asked: asked.map(({ path, text }) => ({
      path,
      text,
      bytes: Buffer.byteLength(text),
      header: fileHeader(tokenizer, path),
      tokens: tokenizer.encode(text),
    })),
    places: placesIn(repository, COMPARED_PLACES).map(({ after, ...place }) => place),
  };
}
