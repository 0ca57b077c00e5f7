/** A stand-in of the hub, where the embedded model's own files stand for those of another one. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HubStandIn } from "../extension/models/hubStandIn.ts";
import { root } from "./workbench.ts";

export const TITLE = "Granite 4.0 H 350M";
export const NAME = "granite-4.0-h-350m";
export const DIALOG = ".monaco-dialog-box";

export function startHub(): Promise<HubStandIn> {
  const folder = join(root, "model/weights");
  const files = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]);
  return HubStandIn.start(Object.fromEntries(files));
}
