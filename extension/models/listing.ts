/** What the hub has of a model: its files at one commit, with their checksums, and the licence. */
import { listFiles, modelInfo } from "@huggingface/hub";
import {
  type CatalogueModel,
  isFetched,
  isPartOfWeights,
  WEIGHTS,
  WEIGHTS_INDEX,
} from "../../protocol/catalogue.ts";
import { reasonOf } from "../../protocol/reason.ts";
import { FetchError } from "./fetchError.ts";

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file's bytes; of a small one the SHA-1 of Git's object. */
  readonly hash: { readonly kind: "sha256" | "git"; readonly hex: string };
}

export interface Listing {
  readonly repository: string;
  /** A commit, so that a fetch that goes on later goes on with the same files. */
  readonly revision: string;
  readonly licence: string;
  readonly files: readonly HubFile[];
}

export interface Hub {
  /** "https://huggingface.co" */
  readonly url: string;
  readonly token: string | undefined;
  readonly fetch: typeof fetch;
}

/** More is no model of the catalogue. */
const MOST_FILES = 64;
const NEEDED = ["config.json", "tokenizer.json"];

/** Rejects with FetchError. */
export async function listingOf(model: CatalogueModel, hub: Hub): Promise<Listing> {
  try {
    return await asked(model, hub);
  } catch (cause) {
    if (cause instanceof FetchError) throw cause;
    throw new FetchError(
      "refused",
      `${hub.url} gave an answer that is none of the hub's (${reasonOf(cause)}).`,
      { cause },
    );
  }
}

async function asked(model: CatalogueModel, { url, token, fetch }: Hub): Promise<Listing> {
  const { repository } = model;
  const common = { hubUrl: url, accessToken: token, fetch };
  const info = await modelInfo({
    ...common,
    name: repository,
    revision: model.revision,
    additionalFields: ["sha", "tags"],
  });
  const revision = info.sha;
  if (!/^[0-9a-f]{40}$/.test(revision)) throw unusable(repository, "names no commit");
  const files: HubFile[] = [];
  for await (const { path, type, size, oid, lfs } of listFiles({ ...common, repo: repository, revision })) {
    if (type !== "file" || !isFetched(path)) continue;
    const hash = lfs
      ? ({ kind: "sha256", hex: lfs.oid } as const)
      : ({ kind: "git", hex: oid ?? "" } as const);
    files.push({ path, size: lfs?.size ?? size, hash });
    if (files.length > MOST_FILES) throw unusable(repository, "has too many files");
  }
  const problem = problemOf(files);
  if (problem !== undefined) throw unusable(repository, problem);
  return { repository, revision, licence: licenceOf(info.tags) ?? model.licence, files };
}

function problemOf(files: readonly HubFile[]): string | undefined {
  const has = (name: string) => files.some(({ path }) => path === name);
  const missing = NEEDED.find((name) => !has(name));
  if (missing !== undefined) return `has no ${missing}`;
  const isWhole = has(WEIGHTS) || (has(WEIGHTS_INDEX) && files.some(({ path }) => isPartOfWeights(path)));
  if (!isWhole) return `has neither ${WEIGHTS} nor parts of it with ${WEIGHTS_INDEX}`;
  const isWrong = ({ size, hash }: HubFile) =>
    !Number.isSafeInteger(size) ||
    size < 0 ||
    !(hash.kind === "git" ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(hash.hex);
  const wrong = files.find(isWrong);
  return wrong && `says no size or checksum of ${wrong.path}`;
}

function unusable(repository: string, what: string): FetchError {
  return new FetchError("missing", `${repository} ${what}, so it cannot be used: nothing was fetched.`);
}

function licenceOf(tags: readonly string[] | undefined): string | undefined {
  return tags?.find((tag) => tag.startsWith("license:"))?.slice("license:".length);
}

export function bytesOf({ files }: Pick<Listing, "files">): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
