import type { Event } from "vscode";
import type { SessionCounts } from "../protocol/counts.ts";
import type { CompletionFigures, Status } from "../protocol/messages.ts";
import type { FaceKind } from "./face.ts";

/** What `activate` answers: a look inside for tests and other extensions; it changes nothing. */
export interface ExtensionApi {
  readonly onDidChange: Event<void>;
  /** What the status bar says now. */
  face(): { readonly kind: FaceKind; readonly text: string };
  /** The server's last word; undefined while no server runs. */
  status(): Status | undefined;
  serverProcessId(): number | undefined;
  /** As the server counts them; undefined before the first and where counting is off. */
  counts(): SessionCounts | undefined;
  lastCompletion(): Promise<CompletionFigures | null>;
}
