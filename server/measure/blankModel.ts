/** A model of a shape, whose weights mean nothing: as fast as the real one, before that is fetched. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadOptions, Model } from "../engine/engine.ts";

export interface Loader {
  loadBeside(path: string, options: Pick<LoadOptions, "blank">): Promise<Model>;
}

/** `config` as config.json has it. */
export async function loadBlank(loader: Loader, config: object): Promise<Model> {
  const folder = await mkdtemp(join(tmpdir(), "stateline-shape-"));
  try {
    await writeFile(join(folder, "config.json"), JSON.stringify(config));
    return await loader.loadBeside(folder, { blank: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
