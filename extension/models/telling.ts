// Nobody awaits what a click began: what goes wrong is told to the person here, in a sentence, and the log has the cause.
import * as vscode from "vscode";
import { reasonOf } from "../../protocol/reason.ts";
import type { Context } from "../context.ts";
import { FetchError } from "./fetchError.ts";
import { openPage, setHubToken } from "./hubAccess.ts";

/** What was clicked, as in "Deleting Granite 4.0 H 350M", and the model's repository, if it has one. */
export interface Clicked {
  readonly what: string;
  readonly repository?: string | undefined;
}

export async function telling(context: Context, clicked: Clicked, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { log } = context;
    if (error instanceof FetchError && error.problem === "stopped")
      return log.info(`${clicked.what}: stopped.`);
    const sentence =
      error instanceof FetchError ? error.message : `${clicked.what} failed: ${reasonOf(error)}`;
    log.warn(sentence);
    const cause = error instanceof FetchError ? error.cause : error;
    if (cause instanceof Error) log.debug(cause.stack ?? cause.message);
    const ways = waysOut(context, clicked, error);
    const choice = await vscode.window.showWarningMessage(sentence, ...ways.keys());
    const way = choice === undefined ? undefined : ways.get(choice);
    if (way) await telling(context, { what: `"${choice}"` }, way);
  }
}

function waysOut(
  context: Context,
  { repository }: Clicked,
  error: unknown,
): ReadonlyMap<string, () => Promise<void>> {
  const ways = new Map<string, () => Promise<void>>();
  if (!(error instanceof FetchError)) ways.set("Show Log", async () => context.log.show());
  else if (error.problem === "gated") {
    ways.set("Set Token", () => setHubToken(context));
    if (repository !== undefined) ways.set("Open Its Page", () => openPage(repository));
  }
  return ways;
}
