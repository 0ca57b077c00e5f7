/** What the client said of itself when it initialised the server. */
import { dirname, join } from "node:path";
import type { InitializeParams } from "vscode-languageserver/node";
import type { InitializationOptions } from "../protocol/messages.ts";
import { filePathOf } from "./documents.ts";
import { realPathSync } from "./repository/realPath.ts";
import { defaultCacheFolder } from "./repository/stateStore.ts";

export interface ClientFacts {
  readonly answersConfiguration: boolean;
  readonly registersConfiguration: boolean;
  readonly registersWatchers: boolean;
  readonly hasFolders: boolean;
  readonly showsProgress: boolean;
  readonly storagePath: string;
  /** Folder of the counts of completions. */
  readonly countsPath: string;
  /** Folder of fetched models. */
  readonly modelsPath: string;
  /** Folder of packed weights, beside the fetched models: one for all windows, as they have. */
  readonly packedPath: string;
  readonly sendsEachKey: boolean;
  readonly takesLateTexts: boolean;
}

export const NO_CLIENT: ClientFacts = {
  answersConfiguration: false,
  registersConfiguration: false,
  registersWatchers: false,
  hasFolders: false,
  showsProgress: false,
  storagePath: defaultCacheFolder(),
  countsPath: join(defaultCacheFolder(), "counts"),
  modelsPath: join(defaultCacheFolder(), "models"),
  packedPath: join(defaultCacheFolder(), "packed"),
  sendsEachKey: false,
  takesLateTexts: false,
};

export function factsOf({ capabilities }: InitializeParams, options: InitializationOptions): ClientFacts {
  const { workspace, window } = capabilities;
  const storagePath = typeof options.storagePath === "string" ? options.storagePath : defaultCacheFolder();
  const modelsPath =
    typeof options.modelsPath === "string" ? options.modelsPath : join(storagePath, "models");
  return {
    answersConfiguration: workspace?.configuration === true,
    registersConfiguration: workspace?.didChangeConfiguration?.dynamicRegistration === true,
    registersWatchers: workspace?.didChangeWatchedFiles?.dynamicRegistration === true,
    hasFolders: workspace?.workspaceFolders === true,
    showsProgress: window?.workDoneProgress === true,
    storagePath,
    countsPath: typeof options.countsPath === "string" ? options.countsPath : join(storagePath, "counts"),
    modelsPath,
    packedPath: join(dirname(modelsPath), "packed"),
    sendsEachKey: options.sendsEachKey === true,
    takesLateTexts: options.takesLateTexts === true,
  };
}

export function foldersOf({ workspaceFolders, rootUri }: InitializeParams): string[] {
  if (workspaceFolders) return workspaceFolders.map(({ uri }) => uri);
  return rootUri ? [rootUri] : [];
}

/** As they are named, and where they lead when links are followed. */
export function pathsOf(uris: readonly string[]): ReadonlyMap<string, string> {
  const paths = uris.map(filePathOf).filter((path) => path !== undefined);
  return new Map(paths.map((path) => [path, realPathSync(path)]));
}
