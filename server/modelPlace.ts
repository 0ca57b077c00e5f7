/** Where the model lies that the settings name: the embedded one, one of the catalogue that was fetched, or a path. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { catalogueModel, UNFINISHED_FETCH } from "../protocol/catalogue.ts";
import type { Settings } from "../protocol/settings.ts";
import { EMBEDDED_MODEL_PATH } from "./installation.ts";
import { defaultCacheFolder } from "./repository/stateStore.ts";

export interface ModelPlace {
  readonly path: string;
  /** For a person, where it is not the path's. */
  readonly name?: string;
  /** One sentence: the named one is not there, and the embedded one stands for it. */
  readonly problem?: string;
}

export const EMBEDDED: ModelPlace = { path: EMBEDDED_MODEL_PATH, name: "stateline" };

export function modelPlace(
  { model, modelPath, "models.folder": folder }: Pick<Settings, "model" | "modelPath" | "models.folder">,
  modelsPath = join(defaultCacheFolder(), "models"),
): ModelPlace {
  const named = model || modelPath;
  if (named === "") return EMBEDDED;
  const { title } = catalogueModel(named) ?? {};
  if (title === undefined) return { path: named };
  const path = join(folder || modelsPath, named);
  const isWhole = existsSync(join(path, "config.json")) && !existsSync(join(path, UNFINISHED_FETCH));
  if (isWhole) return { path };
  const problem = `${title} is not in ${path} yet, so the embedded model completes: "Stateline: Choose Model" fetches it.`;
  return { ...EMBEDDED, problem };
}
