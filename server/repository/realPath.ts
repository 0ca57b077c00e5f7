/** Where a path leads when its links are followed: a workspace and its files have one name each, however they are reached. */
import { realpathSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";

/** Of a path that does not exist, its nearest folder is followed. */
export async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(await realPath(folder), basename(path));
  }
}

/** For what must have its name at once. */
export function realPathSync(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPathSync(folder), basename(path));
  }
}

/** For many at once: only a root's own links are followed. `roots` are names, and where they lead. */
export function underRealRoot(path: string, roots: ReadonlyMap<string, string>): string {
  for (const [name, real] of roots) {
    if (path.startsWith(name + sep)) return real + path.slice(name.length);
  }
  return path;
}
