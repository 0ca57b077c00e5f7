/** Answerers that are functions of a document: the baselines. */
import type { BeginAnswering, TypedDocument } from "./answerer.ts";
import { usageOf } from "./process.ts";

/** What goes on at the cursor; empty: nothing is shown. */
export type Answering = (document: TypedDocument, cursor: number) => string | Promise<string>;

/** `begin` is told the repository's folder. */
export function answersOf(begin: (folder: string) => Answering | Promise<Answering>): BeginAnswering {
  return async (folder) => {
    const answering = await begin(folder);
    const begun = usageOf(process.pid).cpuSeconds ?? Number.NaN;
    const nothing = () => Promise.resolve();
    return {
      open: nothing,
      change: nothing,
      rest: nothing,
      save: nothing,
      close: nothing,
      ask: async (document, cursor) => {
        const askedMs = performance.now();
        const text = await answering(document, cursor);
        const shown = text === "" ? undefined : { text, start: cursor, end: cursor };
        return { shown, ms: performance.now() - askedMs, isCached: false };
      },
      usage: () => {
        const { cpuSeconds, residentBytes } = usageOf(process.pid);
        return { cpuSeconds: cpuSeconds && cpuSeconds - begun, residentBytes };
      },
    };
  };
}
