import type { Event } from "vscode";
import type { CompletionFigures, Status } from "../protocol/messages.ts";
import type { FaceKind } from "./face.ts";
import type { Counts } from "./meter.ts";

/** What `activate` answers: a look inside for tests and other extensions; it changes nothing. */
export interface ExtensionApi {
  readonly onDidChange: Event<void>;
  /** What the status bar says now. */
  face(): { readonly kind: FaceKind; readonly text: string };
  /** The server's last word; undefined while no server runs. */
  status(): Status | undefined;
  serverProcessId(): number | undefined;
  counts(): Counts;
  lastCompletion(): Promise<CompletionFigures | null>;
}
