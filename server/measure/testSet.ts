/** The bundled test sequences of a long-range task: test.json has lengths and labels, test.bin the bytes one after another. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Ours are below 1 MB. */
const MOST_BYTES = 64 * 2 ** 20;

export interface TestSequence {
  readonly bytes: Uint8Array;
  /** The number of its class. */
  readonly label: number;
}

/** Throws an Error of one sentence when the files are not there or do not fit each other. */
export async function readTestSet(folder: string): Promise<TestSequence[]> {
  const path = join(folder, "test.json");
  const [text, bytes] = await Promise.all([readFile(path, "utf8"), readFile(join(folder, "test.bin"))]);
  const { lengths, labels } = parse(path, text);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (bytes.length > MOST_BYTES || total !== bytes.length || labels.length !== lengths.length)
    throw new Error(`${path} does not fit test.bin; export the test set again.`);
  let end = 0;
  return lengths.map((length, i) => {
    end += length;
    return { bytes: new Uint8Array(bytes.subarray(end - length, end)), label: labels[i] ?? 0 };
  });
}

function parse(path: string, text: string): { lengths: number[]; labels: number[] } {
  const value = parseJson(path, text);
  const field = (name: string, least: number): number[] => {
    const list: unknown = value && typeof value === "object" ? Reflect.get(value, name) : undefined;
    const fits = Array.isArray(list) && list.every((one) => Number.isSafeInteger(one) && one >= least);
    if (!fits) throw new Error(`${path}: "${name}" must be a list of integers; export the test set again.`);
    return list;
  };
  return { lengths: field("lengths", 1), labels: field("labels", 0) };
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is not valid JSON; export the test set again.`, { cause });
  }
}
