/** From what the server answers, sees and hears to counts: each text that is shown comes to one end. */
import { type Counts, type Outcome, type SessionCounts, stepOf } from "../../protocol/counts.ts";
import {
  continues,
  type Edit,
  follow,
  growth,
  isOneKey,
  keysFor,
  type Offer,
  type Progress,
  withoutCloser,
} from "./follow.ts";

/** A longer one is thought, not typing. */
const LONGEST_PAUSE_MS = 2000;
/** Answers whose acceptance may still come. */
const MOST_ANSWERS = 16;

/** What was asked about, and the first of what was answered, in offsets of the document's text. */
export interface ShownAnswer {
  readonly id: number;
  readonly insertText: string;
  readonly replaceStart: number;
  readonly replaceEnd: number;
}

export interface ShownIn {
  readonly uri: string;
  readonly languageId: string;
  readonly text: string;
  readonly cursor: number;
}

interface Text {
  readonly languageId: string;
  outcome: Outcome | undefined;
}

interface Answer {
  readonly text: Text;
  /** Keys that each of its alternatives would save. */
  readonly keys: readonly number[];
}

interface Latest {
  readonly text: Text;
  readonly offer: Offer;
  /** Nothing else happened since it was shown. */
  readonly isFollowed: boolean;
}

export interface TallyOptions {
  /** The client sends the change of each key by itself. */
  readonly isEachKeyApart: boolean;
  readonly nowMs: () => number;
  /** What is to be added; a number is negative where an end proved to be another one. */
  readonly add: (languageId: string, counts: Partial<Counts>) => void;
}

export class Tally {
  readonly #options: TallyOptions;
  #session: SessionCounts = { shown: 0, accepted: 0, characters: 0 };
  #latest: Latest | undefined;
  #answers: ReadonlyMap<number, Answer> = new Map();
  /** Of the last change since the latest answer. */
  #growth: number | undefined;
  #key: { readonly uri: string; readonly end: number; readonly atMs: number } | undefined;

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  get session(): SessionCounts {
    return this.#session;
  }

  /** The first of the answers is what the editor shows. */
  shown(place: ShownIn, answers: readonly ShownAnswer[], waitedMs: number): void {
    const [first] = answers;
    if (first === undefined) return;
    const offer = offerOf(place, first);
    const text = this.#textOf(place.languageId, offer, waitedMs);
    this.#latest = { text, offer, isFollowed: true };
    this.#growth = undefined;
    const keys = answers.map(
      (one) => keysFor(one.insertText) - keysFor(place.text.slice(one.replaceStart, one.replaceEnd)),
    );
    this.#answers = new Map([...this.#answers, [first.id, { text, keys }] as const].slice(-MOST_ANSWERS));
  }

  changed(uri: string, languageId: string, edits: readonly Edit[]): void {
    this.#measurePause(uri, languageId, edits);
    const latest = this.#latest;
    if (latest?.offer.uri !== uri) return;
    this.#growth = growth(edits);
    if (latest.isFollowed) this.#follow(latest, edits);
  }

  /** The cursor is here, by what the client asks or says. */
  cursorAt(uri: string, offset: number): void {
    const { offer, isFollowed } = this.#latest ?? {};
    if (isFollowed && (offer?.uri !== uri || offer.cursor !== offset)) this.#leave("ignored");
  }

  closed(uri: string): void {
    if (this.#latest?.offer.uri === uri) this.#leave("ignored");
  }

  /** By the client's command: all that was left of an alternative. */
  accepted(id: number, alternative: number): void {
    const answer = this.#answers.get(id);
    const most = answer?.keys[alternative];
    if (answer === undefined || most === undefined) return;
    this.#answers = new Map([...this.#answers].filter(([other]) => other !== id));
    const characters = Math.max(0, Math.min(most, this.#growth ?? most));
    this.#growth = undefined;
    this.#add(answer.text.languageId, { characters, whole: 1 });
    this.#end(answer.text, "accepted");
    if (this.#latest?.text === answer.text) this.#latest = { ...this.#latest, isFollowed: false };
  }

  /** What is shown will not be counted any more. */
  finish(): void {
    this.#leave("ignored");
    this.#latest = undefined;
    this.#answers = new Map();
  }

  #follow(latest: Latest, edits: readonly Edit[]): void {
    const step = follow(latest.offer, edits, this.#options.isEachKeyApart);
    if (step === "refused") this.#leave("refused");
    else if (step === "elsewhere") this.#leave("ignored");
    else this.#advance({ ...latest, offer: step.offer }, step.by, growth(edits));
  }

  #advance(latest: Latest, by: Progress["by"], characters: number): void {
    this.#latest = latest;
    if (by === "key" && latest.offer.rest === "") this.#leave("typed");
    // Of the whole rest the client's command tells.
    if (by !== "word" && by !== "line") return;
    this.#add(latest.text.languageId, { characters, ...(by === "word" ? { words: 1 } : { lines: 1 }) });
    this.#end(latest.text, "accepted");
  }

  /** The latest text, if it is shown again, or a new one. */
  #textOf(languageId: string, offer: Offer, waitedMs: number): Text {
    const latest = this.#latest;
    if (latest && continues(offer, latest.offer)) {
      this.#end(latest.text, undefined);
      return latest.text;
    }
    this.#leave("ignored");
    this.#add(languageId, { shown: 1, waitedMs: { [stepOf(waitedMs)]: 1 } });
    return { languageId, outcome: undefined };
  }

  #leave(outcome: Outcome): void {
    if (this.#latest === undefined) return;
    this.#latest = { ...this.#latest, isFollowed: false };
    if (this.#latest.text.outcome === undefined) this.#end(this.#latest.text, outcome);
  }

  /** Accepted is the last word; any other end may prove wrong: an acceptance is told after its change. */
  #end(text: Text, outcome: Outcome | undefined): void {
    if (text.outcome === "accepted" || text.outcome === outcome) return;
    if (text.outcome !== undefined) this.#add(text.languageId, { [text.outcome]: -1 });
    if (outcome !== undefined) this.#add(text.languageId, { [outcome]: 1 });
    text.outcome = outcome;
  }

  #measurePause(uri: string, languageId: string, edits: readonly Edit[]): void {
    const [edit, ...others] = edits;
    const before = this.#key;
    this.#key = undefined;
    if (!this.#options.isEachKeyApart || edit === undefined || others.length > 0) return;
    if (edit.removed > 0 || !isOneKey(edit.text)) return;
    const atMs = this.#options.nowMs();
    this.#key = { uri, end: edit.offset + withoutCloser(edit.text).length, atMs };
    if (before?.uri !== uri || before.end !== edit.offset) return;
    const pauseMs = atMs - before.atMs;
    if (pauseMs <= LONGEST_PAUSE_MS) this.#add(languageId, { pausesMs: { [stepOf(pauseMs)]: 1 } });
  }

  #add(languageId: string, counts: Partial<Counts>): void {
    const { shown = 0, accepted = 0, characters = 0 } = counts;
    const before = this.#session;
    this.#session = {
      shown: before.shown + shown,
      accepted: before.accepted + accepted,
      characters: before.characters + characters,
    };
    this.#options.add(languageId, counts);
  }
}

function offerOf({ uri, text, cursor }: ShownIn, { insertText, replaceStart }: ShownAnswer): Offer {
  const lineStart = 1 + text.slice(0, replaceStart).lastIndexOf("\n");
  const written = text.slice(replaceStart, cursor);
  const rest = insertText.startsWith(written) ? insertText.slice(written.length) : insertText;
  return { uri, lineStart, line: text.slice(lineStart, replaceStart) + insertText, rest, cursor };
}
