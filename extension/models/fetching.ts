// Fetching a model in front of the person: nothing before a click that names size, source and licence; then progress and a pause.
import * as vscode from "vscode";
import type { CatalogueModel } from "../../protocol/catalogue.ts";
import { bytes } from "../../protocol/words.ts";
import type { Context } from "../context.ts";
import { fetchModel } from "./fetchModel.ts";
import { hubOf, hubUrl, openPage, pageOf } from "./hubAccess.ts";
import { bytesOf, type Listing, listingOf } from "./listing.ts";
import { ProgressClock } from "./progressClock.ts";
import type { Shelf } from "./shelf.ts";

/** Whether it is whole now; false: the person does not want it. Rejects with FetchError. */
export async function fetchInFront(context: Context, model: CatalogueModel, shelf: Shelf): Promise<boolean> {
  using _lock = await shelf.lock(model.name);
  const shelved = await shelf.look(model.name);
  if (shelved.kind === "whole") return true;
  const listing = shelved.kind === "part" ? shelved.listing : await agreedListing(context, model, shelf);
  if (listing === undefined) return false;
  const { host } = new URL(hubUrl());
  await withStop(`Fetching ${model.title} from ${host}`, async (progress, signal) => {
    const hub = await hubOf(context, model.repository, signal);
    using clock = new ProgressClock((message, increment) => progress.report({ message, increment }));
    await fetchModel({ name: model.name, listing, shelf, hub, signal, onProgress: clock.note });
  });
  return true;
}

async function agreedListing(
  context: Context,
  model: CatalogueModel,
  shelf: Shelf,
): Promise<Listing | undefined> {
  const { host } = new URL(hubUrl());
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

type Progress = vscode.Progress<{ message?: string; increment?: number }>;

function withStop<Result>(
  title: string,
  work: (progress: Progress, signal: AbortSignal) => Promise<Result>,
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
