/** What is wrong with a library's file that Linux's loader says in riddles, or dies of: it maps what is not there any more. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** In ELF's words, e_machine. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const MAGIC = 0x7f454c46;
const HEADER_BYTES = 64;

/** The rest of a sentence that begins with the file's name; undefined: nothing that shows from its first and last bytes. */
export function problemOfSharedObject(path: string): string | undefined {
  if (process.platform !== "linux") return undefined;
  const { header, bytes } = headerOf(path);
  if (bytes < HEADER_BYTES) return "is cut short";
  if (header.getUint32(0) !== MAGIC) return "is made for another system";
  const machine = MACHINES[process.arch];
  if (machine !== undefined && header.getUint16(18, true) !== machine) return "is made for another processor";
  // The table of sections is the last thing in the file.
  const end = header.getBigUint64(40, true) + BigInt(header.getUint16(58, true) * header.getUint16(60, true));
  return end > bytes ? "is cut short" : undefined;
}

function headerOf(path: string): { header: DataView; bytes: number } {
  const file = openSync(path, "r");
  try {
    const header = new Uint8Array(HEADER_BYTES);
    readSync(file, header);
    return { header: new DataView(header.buffer), bytes: fstatSync(file).size };
  } finally {
    closeSync(file);
  }
}
