// What the suite in the extension host writes, line by line, into its result file.
import { existsSync, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { ResultLine } from "./suite/index.ts";

export type Result = Extract<ResultLine, { readonly title: string }>;

/** Waits for the suite's last line; a suite that hangs is an error that says what it had done. */
export async function resultsOf(path: string, limitMs: number): Promise<readonly Result[]> {
  const lines = (): ResultLine[] =>
    existsSync(path)
      ? readFileSync(path, "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line))
      : [];
  const isDone = (): boolean => lines().some((line) => "done" in line);
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (isDone()) finish(resolve);
    };
    const watcher = watch(dirname(path), (_, name) => name === basename(path) && look());
    const timer = setTimeout(
      () => finish(() => reject(new Error(`The suite did not end: ${JSON.stringify(lines())}`))),
      limitMs,
    );
    function finish(end: () => void): void {
      watcher.close();
      clearTimeout(timer);
      end();
    }
    look();
  });
  return lines().filter((line) => "title" in line);
}
