// Where models come from, and the person's token for it: in VS Code's secret storage, sent to the hub alone.
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { FetchError } from "./fetchError.ts";
import { hubFetch } from "./hubFetch.ts";
import type { Hub } from "./listing.ts";

const TOKEN_SECRET = "stateline.hubToken";

/** HF_ENDPOINT is the hub's own name for a mirror's address. */
export function hubUrl(): string {
  const url = process.env.HF_ENDPOINT || "https://huggingface.co";
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return url.replace(/\/+$/, "");
  throw new FetchError(
    "refused",
    `HF_ENDPOINT is ${JSON.stringify(url)}, which is no address of a hub: give one with https://, or unset it.`,
  );
}

export function pageOf(repository: string): string {
  return `${hubUrl()}/${repository}`;
}

export async function hubOf({ extension }: Context, repository: string, signal: AbortSignal): Promise<Hub> {
  const token = await extension.secrets.get(TOKEN_SECRET);
  return { url: hubUrl(), token, fetch: hubFetch({ page: pageOf(repository), signal }) };
}

export async function openPage(repository: string): Promise<void> {
  await vscode.env.openExternal(vscode.Uri.parse(pageOf(repository)));
}

export async function setHubToken({ extension }: Context): Promise<void> {
  const token = await vscode.window.showInputBox({
    title: `Token for ${new URL(hubUrl()).host}`,
    prompt:
      "For models whose licence must be accepted first. It is kept in VS Code's secret storage and sent there alone. Empty deletes it.",
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) =>
      value === "" || /^hf_\w+$/.test(value.trim()) ? undefined : 'A token begins with "hf_".',
  });
  if (token === undefined) return;
  if (token.trim() === "") await extension.secrets.delete(TOKEN_SECRET);
  else await extension.secrets.store(TOKEN_SECRET, token.trim());
}
