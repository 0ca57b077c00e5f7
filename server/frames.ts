/** Keeps the stream of messages in step: bytes that belong to no well-formed frame are dropped, so that the next message is understood. */
import { Transform, type TransformCallback } from "node:stream";

const SEPARATOR = "\r\n\r\n";
const LENGTH_NAME = "content-length:";
/** More than any editor sends at once; a larger length is a damaged header. */
const MOST_BODY_BYTES = 256 * 2 ** 20;
const MOST_HEADER_BYTES = 4096;

export class FrameFilter extends Transform {
  readonly #onProblem: (line: string) => void;
  #parts: Buffer[] = [];
  #bufferedBytes = 0;
  /** Nothing can be done before so many bytes are there: a long body is not looked at with each of its pieces. */
  #neededBytes = 0;

  constructor(onProblem: (line: string) => void) {
    super();
    this.#onProblem = onProblem;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#parts.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (this.#bufferedBytes >= this.#neededBytes) this.#passFrames();
    done();
  }

  #passFrames(): void {
    let buffer: Buffer = Buffer.concat(this.#parts);
    this.#neededBytes = 0;
    for (;;) {
      const headerEnd = buffer.indexOf(SEPARATOR);
      if (headerEnd < 0) {
        if (buffer.length > MOST_HEADER_BYTES)
          buffer = this.#resynchronise(buffer, "a header without an end");
        break;
      }
      const header = buffer.toString("latin1", 0, headerEnd);
      const length = bodyLength(header);
      if (length === undefined) {
        buffer = this.#resynchronise(buffer, "a header without a valid Content-Length");
        continue;
      }
      const frameEnd = headerEnd + SEPARATOR.length + length;
      if (buffer.length < frameEnd) {
        this.#neededBytes = frameEnd;
        break;
      }
      this.push(buffer.subarray(0, frameEnd));
      buffer = buffer.subarray(frameEnd);
    }
    this.#parts = [buffer];
    this.#bufferedBytes = buffer.length;
  }

  /** Drops up to the next header's beginning; a possible beginning at the very end is kept. */
  #resynchronise(buffer: Buffer, problem: string): Buffer {
    const next = buffer.toString("latin1").toLowerCase().indexOf(LENGTH_NAME, 1);
    const dropped = next >= 0 ? next : Math.max(1, buffer.length - LENGTH_NAME.length + 1);
    this.#onProblem(`The client sent ${problem}; ${dropped} bytes are dropped.`);
    return buffer.subarray(dropped);
  }
}

/** undefined: this is no header. */
function bodyLength(header: string): number | undefined {
  let length: number | undefined;
  for (const line of header.split("\r\n")) {
    const field = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!field) return undefined;
    if (field[1]?.toLowerCase() !== "content-length") continue;
    // Of two lengths, some readers take the first and some the last.
    if (length !== undefined || !/^\d{1,9}$/.test(field[2] ?? "")) return undefined;
    length = Number(field[2]);
  }
  return length !== undefined && length <= MOST_BODY_BYTES ? length : undefined;
}
