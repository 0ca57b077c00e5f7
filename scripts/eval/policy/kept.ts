/** Decoded edits, kept on disk as long as what decodes them is the same. */
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ADDON_PATH, EMBEDDED_MODEL_PATH } from "../../../server/installation.ts";
import { editsOf } from "../replay/edits.ts";
import { REPLAY_CACHE, type Versions, workingCopy } from "../replay/sources.ts";
import { type DecodedEdit, Decoder } from "./decodings.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** What is done with a text after it was decoded. */
const LATER = ["policy.ts", "calibration.ts", "shown.ts", "offers.ts", "finish.ts"];

export async function decodedEdits(
  versions: Versions,
  keys: number,
  seed: number,
  say: (text: string) => void,
): Promise<DecodedEdit[]> {
  const folder = join(REPLAY_CACHE, "decoded", decoderHash());
  const path = join(folder, `${versions.name}-${keys}-${seed}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8"));
  say(`${versions.name} is decoded`);
  using decoder = await Decoder.begin(workingCopy(versions, join(REPLAY_CACHE, "repositories")));
  const edits: DecodedEdit[] = [];
  for (const file of editsOf(versions, keys, seed)) edits.push(...(await decoder.edits(file)));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(edits));
  renameSync(`${path}.new`, path);
  return edits;
}

/** Of the server's code as far as it decodes, the addon and the weights. */
function decoderHash(): string {
  const later = LATER.map((name) => join("server", "completion", name));
  const code = globSync("server/**/*.ts", { cwd: ROOT }).filter((path) => !later.includes(path));
  const weights = globSync("*", { cwd: EMBEDDED_MODEL_PATH }).map((name) => join(EMBEDDED_MODEL_PATH, name));
  const hash = createHash("sha256");
  for (const path of [...code.map((name) => join(ROOT, name)).sort(), ADDON_PATH, ...weights.sort()])
    hash.update(readFileSync(path));
  return hash.digest("hex").slice(0, 16);
}
