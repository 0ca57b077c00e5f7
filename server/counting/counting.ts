/** What became of completions, as long as the person lets it be counted: from the documents and answers to the file. */

import type { Connection } from "vscode-languageserver/node";
import {
  COUNTS_CHANGED_NOTIFICATION,
  COUNTS_REQUEST,
  type CompletionCounts,
  DELETE_COUNTS_REQUEST,
  SAVE_COUNTS_REQUEST,
} from "../../protocol/counts.ts";
import type { Log } from "../log.ts";
import { notify, onRequest } from "../typedMessages.ts";
import { CountStore } from "./countStore.ts";
import type { Edit } from "./follow.ts";
import { type ShownAnswer, type ShownIn, Tally } from "./tally.ts";

const SAVE_MS = 15_000;
/** Between two notifications. */
const TELL_MS = 250;

export interface CountingOptions {
  readonly connection: Connection;
  readonly log: Log;
  /** Folder of the file. */
  readonly folder: string;
  /** The client sends the change of each key by itself. */
  readonly isEachKeyApart: boolean;
}

export class Counting {
  readonly #connection: Connection;
  readonly #store: CountStore;
  readonly #tally: Tally;
  #isOn = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ connection, log, folder, isEachKeyApart }: CountingOptions) {
    this.#connection = connection;
    this.#store = new CountStore(folder, log, SAVE_MS);
    this.#tally = new Tally({
      isEachKeyApart,
      nowMs: () => performance.now(),
      add: (languageId, counts) => {
        this.#store.add(today(), languageId, counts);
        this.#tellSoon();
      },
    });
    onRequest(connection, COUNTS_REQUEST, () => this.#counts());
    onRequest(connection, SAVE_COUNTS_REQUEST, async () => {
      await this.#store.flush();
      return null;
    });
    onRequest(connection, DELETE_COUNTS_REQUEST, async () => {
      await this.#store.remove();
      this.#tellSoon();
      return null;
    });
  }

  switch(isOn: boolean): void {
    if (isOn === this.#isOn) return;
    if (!isOn) this.#tally.finish();
    this.#isOn = isOn;
    this.#tellSoon();
  }

  shown(place: ShownIn, answers: readonly ShownAnswer[], waitedMs: number): void {
    if (this.#isOn) this.#tally.shown(place, answers, waitedMs);
  }

  changed(uri: string, languageId: string, edits: readonly Edit[]): void {
    if (this.#isOn) this.#tally.changed(uri, languageId, edits);
  }

  /** The cursor is here, by what the client asks or says. */
  cursorAt(uri: string, offset: number): void {
    this.#tally.cursorAt(uri, offset);
  }

  closed(uri: string): void {
    this.#tally.closed(uri);
  }

  accepted(id: number, alternative: number): void {
    this.#tally.accepted(id, alternative);
  }

  /** Saves what was counted. */
  async shutDown(): Promise<void> {
    this.#tally.finish();
    clearTimeout(this.#timer);
    await this.#store.flush();
  }

  async #counts(): Promise<CompletionCounts> {
    return { isCounting: this.#isOn, days: await this.#store.days() };
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      notify(this.#connection, COUNTS_CHANGED_NOTIFICATION, {
        session: this.#isOn ? this.#tally.session : null,
      });
    }, TELL_MS);
  }
}

/** By the person's own clock. */
function today(): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
