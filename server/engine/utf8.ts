/** UTF-8 that arrives in pieces: only whole code points are given out. */

/** How many bytes at the end belong to a code point that is not complete yet (0 to 3). */
export function incompleteTailLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return codePointLength(byte) > back ? back : 0;
  }
  return 0;
}

function codePointLength(firstByte: number): number {
  if (firstByte >= 0xf0 && firstByte < 0xf8) return 4;
  if (firstByte >= 0xe0) return 3;
  if (firstByte >= 0xc0) return 2;
  return 1;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of the whole code points; an unfinished one at the end is left out. */
export function decodeWhole(bytes: Uint8Array): string {
  return decoder.decode(bytes.subarray(0, bytes.length - incompleteTailLength(bytes)));
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
