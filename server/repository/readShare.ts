/** How much of a file is read, judged by its name and size: source whole, the head of data, nothing of a dump. */
import { posix } from "node:path";

/** A person's source file is smaller; larger ones are data. */
const MOST_FILE_BYTES = 2 ** 20;
/** About 20,000 tokens: beyond that a file is read only from its beginning. */
const MOST_TEXT_BYTES = 64 * 1024;
/** A larger file of data or markup was written by a program. */
const MOST_DATA_BYTES = 32 * 1024;
/** Keys, columns and first rows are what code that reads the data must know; the rows after them say it again. */
const MOST_ROWS_BYTES = 4 * 1024;

const ROWS = /\.(json|jsonl|ndjson|geojson|csv|tsv|log|po|lst)$/i;
const MARKUP = /\.(xml|txt|sql|ya?ml|ipynb|html?|svg)$/i;
/** Written by hand from end to end, and what code refers to. */
const MANIFEST = /^(package|composer)\.json$/i;

export type ReadShare =
  | { readonly kind: "read"; readonly bytes: number }
  | { readonly kind: "skipped"; readonly reason: string };

export function readShare(path: string, sizeBytes: number): ReadShare {
  const isRows = ROWS.test(path) && !MANIFEST.test(posix.basename(path));
  if (sizeBytes > MOST_FILE_BYTES) return { kind: "skipped", reason: `is too large (${sizeBytes} bytes)` };
  if ((isRows || MARKUP.test(path)) && sizeBytes > MOST_DATA_BYTES)
    return { kind: "skipped", reason: `is a large file of data (${sizeBytes} bytes)` };
  return { kind: "read", bytes: Math.min(sizeBytes, isRows ? MOST_ROWS_BYTES : MOST_TEXT_BYTES) };
}
