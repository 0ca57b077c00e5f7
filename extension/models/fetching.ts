// Fetching a model in front of the person: nothing before a click that names size, source and licence; then progress and a pause.
import * as vscode from "vscode";
import type { CatalogueModel } from "../../protocol/catalogue.ts";
import { bytes } from "../../protocol/words.ts";
import type { Context } from "../context.ts";
import { FetchError } from "./fetchError.ts";
import { fetchModel } from "./fetchModel.ts";
import { hubOf, hubUrl, pageOf, setHubToken } from "./hubAccess.ts";
import { bytesOf, type Hub, type Listing, listingOf } from "./listing.ts";
import type { Shelf } from "./shelf.ts";
import { TimeLeft } from "./timeLeft.ts";

/** Between two words on the progress. */
const SAY_MS = 250;

/** Whether it is whole now. What goes wrong the person is told. */
export async function fetchInFront(context: Context, model: CatalogueModel, shelf: Shelf): Promise<boolean> {
  const host = new URL(hubUrl()).host;
  try {
    const shelved = await shelf.look(model.name);
    const agreed = shelved.kind === "part" ? shelved.listing : await agreedListing(context, model, shelf);
    if (agreed === undefined) return false;
    using _lock = await shelf.lock(model.name);
    await withStop(`Fetching ${model.title} from ${host}`, async (progress, signal) => {
      const hub = await hubOf(context, model.repository, signal);
      await transfer({ hub, model, listing: agreed, shelf, signal, progress });
    });
    return true;
  } catch (error) {
    await tell(context, model, error);
    return false;
  }
}

async function agreedListing(
  context: Context,
  model: CatalogueModel,
  shelf: Shelf,
): Promise<Listing | undefined> {
  const host = new URL(hubUrl()).host;
  const listing = await withStop(`Asking ${host} for ${model.title}`, async (_, signal) =>
    listingOf(model, await hubOf(context, model.repository, signal)),
  );
  const detail = [
    `${bytes(bytesOf(listing))} from ${pageOf(model.repository)}`,
    `Licence: ${listing.licence}`,
    `Into ${shelf.pathOf(model.name)}`,
  ];
  const choice = await vscode.window.showInformationMessage(
    `Fetch ${model.title}?`,
    { modal: true, detail: detail.join("\n") },
    "Fetch",
    "Open Its Page",
  );
  if (choice === "Open Its Page") await openPage(model.repository);
  return choice === "Fetch" ? listing : undefined;
}

interface Transfer {
  readonly hub: Hub;
  readonly model: CatalogueModel;
  readonly listing: Listing;
  readonly shelf: Shelf;
  readonly signal: AbortSignal;
  readonly progress: vscode.Progress<{ message?: string; increment?: number }>;
}

async function transfer({ hub, model, listing, shelf, signal, progress }: Transfer): Promise<void> {
  const left = new TimeLeft();
  let said = { atMs: Number.NEGATIVE_INFINITY, done: 0 };
  await fetchModel({
    ...{ name: model.name, listing, shelf, hub, signal },
    onProgress: (done, total) => {
      const atMs = performance.now();
      if (atMs - said.atMs < SAY_MS) return;
      progress.report({ message: left.say(done, total), increment: (100 * (done - said.done)) / total });
      said = { atMs, done };
    },
  });
}

function withStop<Result>(
  title: string,
  work: (progress: Transfer["progress"], signal: AbortSignal) => Promise<Result>,
): Thenable<Result> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, async (progress, token) => {
    const stop = new AbortController();
    const listener = token.onCancellationRequested(() => stop.abort());
    try {
      return await work(progress, stop.signal);
    } finally {
      listener.dispose();
    }
  });
}

async function tell(context: Context, model: CatalogueModel, error: unknown): Promise<void> {
  if (!(error instanceof FetchError)) throw error;
  context.log.info(`${model.title}: ${error.message}`);
  if (error.problem === "stopped") return;
  const ways = error.problem === "gated" ? ["Set Token", "Open Its Page"] : [];
  const choice = await vscode.window.showWarningMessage(error.message, ...ways);
  if (choice === "Set Token") await setHubToken(context);
  if (choice === "Open Its Page") await openPage(model.repository);
}

export async function openPage(repository: string): Promise<void> {
  await vscode.env.openExternal(vscode.Uri.parse(pageOf(repository)));
}
