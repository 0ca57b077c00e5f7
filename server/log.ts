/** One line an event; where the lines go is the caller's choice (LSP window/logMessage, or stderr). */
export interface Log {
  debug(line: string): void;
  info(line: string): void;
  warn(line: string): void;
}

export { hasCode, reasonOf } from "../protocol/reason.ts";
