/** States of repositories that were read, by build of the server: each is read once, and every run begins from the same state. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { BeginAnswering } from "./answerer.ts";
import { RunningServer, type ServerOptions } from "./server.ts";

/** Reads each repository once for a build of the server; later ones begin with a copy of the state on disk. */
export function answersOfServer(options: ServerOptions, statesFolder: string): BeginAnswering {
  const build = buildHash(options.path);
  return async (folder) => {
    const kept = join(statesFolder, build, basename(folder));
    if (!existsSync(kept)) {
      const beside = mkdtempSync(join(tmpdir(), "stateline-replay-"));
      const first = await RunningServer.begin(options, folder, beside);
      await first.close();
      cpSync(beside, `${kept}.new`, { recursive: true });
      renameSync(`${kept}.new`, kept);
      rmSync(beside, { recursive: true });
    }
    const storage = mkdtempSync(join(tmpdir(), "stateline-replay-"));
    cpSync(kept, storage, { recursive: true });
    return await RunningServer.begin(options, folder, storage, () =>
      rmSync(storage, { recursive: true, force: true }),
    );
  };
}

/** Of all that decides what a server reads and how: its code, the addon and the weights. */
export function buildHash(path: string): string {
  const dist = dirname(path);
  const hash = createHash("sha256");
  const code = readdirSync(dist)
    .filter((name) => /^server.*\.cjs$/.test(name))
    .sort();
  const weights = join(dist, "..", "model", "weights");
  const others = [join(dist, "native", "stateline.node"), ...filesIn(weights)];
  for (const file of [...code.map((name) => join(dist, name)), ...others]) {
    if (existsSync(file)) hash.update(basename(file)).update(readFileSync(file));
  }
  return hash.digest("hex").slice(0, 16);
}

function filesIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => join(folder, name))
    : [];
}
