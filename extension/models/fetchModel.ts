/** Fetches a model's files from the hub into the shelf: in order, each from where it stopped, checked before it counts. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { downloadFile } from "@huggingface/hub";
import { bytes } from "../../protocol/words.ts";
import { FetchError } from "./fetchError.ts";
import { bytesOf, type Hub, type HubFile, type Listing } from "./listing.ts";
import type { Shelf } from "./shelf.ts";

/** Left on the disk for everything else. */
const SPARED_BYTES = 256 * 2 ** 20;
/** Interruptions in a row after which nothing more came. */
const MOST_INTERRUPTIONS = 5;
const INTERRUPTED_WAIT_MS = 1000;
/** A connection that brings nothing for so long is given up. */
const STALLED_MS = 30_000;

export interface FetchJob {
  readonly name: string;
  readonly listing: Listing;
  readonly shelf: Shelf;
  /** Its fetch aborts with the signal. */
  readonly hub: Hub;
  readonly signal: AbortSignal;
  /** Of all files together, with each piece that came. */
  readonly onProgress: (done: number, total: number) => void;
  /** Of waits, for tests. */
  readonly waitMs?: (ms: number) => number;
}

/** Rejects with FetchError; what was fetched until then is kept, and the next call goes on from there. */
export async function fetchModel(job: FetchJob): Promise<void> {
  const { name, listing, shelf } = job;
  await checkRoom(job);
  await shelf.begin(name, listing);
  let before = 0;
  for (const file of listing.files) {
    await fetchFile(job, file, before);
    before += file.size;
  }
  await shelf.finish(name);
}

async function checkRoom({ name, listing, shelf }: FetchJob): Promise<void> {
  const shelved = await shelf.look(name);
  const missing = bytesOf(listing) - (shelved.kind === "part" ? shelved.bytes : 0);
  const room = await shelf.room();
  const needed = missing + SPARED_BYTES;
  if (needed <= room) return;
  throw new FetchError(
    "space",
    `${shelf.folder} has ${bytes(room)} left, and ${bytes(needed)} are needed: free some room, or name another folder in stateline.models.folder.`,
  );
}

async function fetchFile(job: FetchJob, file: HubFile, before: number): Promise<void> {
  const { name, listing, shelf, onProgress } = job;
  for (let interruptions = 0; ; ) {
    const there = await shelf.partSize(name, file.path, file.size);
    if (there === undefined) return onProgress(before + file.size, bytesOf(listing));
    try {
      await append(job, file, there, before);
      return await shelf.finishFile(name, file.path);
    } catch (cause) {
      const came = ((await shelf.partSize(name, file.path, file.size)) ?? 0) > there;
      interruptions = came ? 1 : interruptions + 1;
      if (job.signal.aborted) throw new FetchError("stopped", "Fetching was stopped.");
      const mayGoOn = !(cause instanceof FetchError) || (cause.problem === "offline" && before + there > 0);
      if (!mayGoOn || interruptions === MOST_INTERRUPTIONS) throw brokenOff(job, cause);
      await wait((job.waitMs ?? Number)(INTERRUPTED_WAIT_MS * interruptions), undefined, {
        signal: job.signal,
      }).catch(() => undefined);
    }
  }
}

function brokenOff({ hub }: FetchJob, cause: unknown): FetchError {
  if (cause instanceof FetchError) return cause;
  const host = new URL(hub.url).host;
  return new FetchError(
    "offline",
    `${host} breaks off again and again: go on later; what was fetched is kept.`,
    {
      cause,
    },
  );
}

async function append(job: FetchJob, file: HubFile, there: number, before: number): Promise<void> {
  const { shelf } = job;
  const part = shelf.partOf(job.name, file.path);
  if (there > file.size) await shelf.write(() => rm(part));
  const from = there > file.size ? 0 : there;
  job.onProgress(before + from, bytesOf(job.listing));
  const hash = startOf(file);
  if (from > 0) for await (const chunk of createReadStream(part, { signal: job.signal })) hash.update(chunk);
  const out = await shelf.write(() => open(part, "a"));
  try {
    if (from < file.size || file.size === 0) await copy(job, file, { from, before, hash, out });
    await shelf.write(() => out.sync());
  } finally {
    await out.close();
  }
  if (hash.digest("hex") === file.hash.hex) return;
  await shelf.write(() => rm(part));
  throw new FetchError(
    "damaged",
    `${file.path} of ${job.listing.repository} came with another checksum than the hub names: it was deleted; fetch it again.`,
  );
}

interface Copying {
  readonly from: number;
  readonly before: number;
  readonly hash: Hash;
  readonly out: FileHandle;
}

async function copy(job: FetchJob, file: HubFile, { from, before, hash, out }: Copying): Promise<void> {
  const total = bytesOf(job.listing);
  let at = from;
  for await (const chunk of chunksOf(job, file, from)) {
    if (at + chunk.length > file.size)
      throw new FetchError(
        "damaged",
        `${file.path} of ${job.listing.repository} is longer than the hub says.`,
      );
    await job.shelf.write(() => out.appendFile(chunk));
    hash.update(chunk);
    at += chunk.length;
    job.onProgress(before + at, total);
    if (job.signal.aborted) throw new FetchError("stopped", "Fetching was stopped.");
  }
  if (at < file.size) throw new Error(`The connection ended after ${at} of ${file.size} bytes.`);
}

/** Plain HTTP, also of files that the hub keeps in blocks: a range of it is what is missing. */
async function* chunksOf(
  { listing, hub }: FetchJob,
  file: HubFile,
  from: number,
): AsyncGenerator<Uint8Array> {
  const { repository: repo, revision } = listing;
  // The hub's library tells of a refused stream in words alone.
  let refused: FetchError | undefined;
  const noted: typeof fetch = (input, init) =>
    hub.fetch(input, init).catch((cause: unknown) => {
      if (cause instanceof FetchError) refused = cause;
      throw cause;
    });
  const asked = { repo, revision, path: file.path, hubUrl: hub.url, accessToken: hub.token, fetch: noted };
  const blob = await downloadFile({ ...asked, xet: false });
  if (!blob) throw new FetchError("missing", `${repo} no longer has ${file.path}.`);
  if (blob.size !== file.size)
    throw new FetchError(
      "damaged",
      `${file.path} of ${repo} has another size than the hub listed: fetch it again.`,
    );
  const reader = (from === 0 ? blob : blob.slice(from)).stream().getReader();
  try {
    for (;;) {
      const { value, done } = await inTime(reader.read());
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw refused ?? cause;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function startOf({ size, hash }: HubFile): Hash {
  return hash.kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

async function inTime<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Nothing came for a while.")), STALLED_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
