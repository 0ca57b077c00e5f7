/** Where the package's own files are, from the sources (server/) and from the bundle (dist/) alike. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// The bundle is CommonJS, where import.meta is empty and __dirname is defined; the sources are the reverse.
const here = typeof __dirname === "string" ? __dirname : dirname(fileURLToPath(import.meta.url));
const root = join(here, "..");

export const ADDON_PATH = join(root, "dist", "native", "stateline.node");
export const LONG_RANGE_ADDON_PATH = join(root, "dist", "native", "stateline-longrange.node");
export const GRAMMARS_PATH = join(root, "dist", "grammars");
export const EMBEDDED_MODEL_PATH = join(root, "model", "weights");
export const LONG_RANGE_PATH = join(root, "model", "longrange", "weights");

export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (typeof manifest !== "object" || manifest === null || !("version" in manifest)) return "unknown";
  return String(manifest.version);
}
