import * as vscode from "vscode";
import { advance, continues, type Insertion, type Offer } from "./offer.ts";

/** Numbers of this session; they stay on this machine. */
export interface Counts {
  /** Texts: one counts once, however far it is typed along. */
  readonly shown: number;
  /** Of those, wholly or by word or line. */
  readonly accepted: number;
  readonly acceptedCharacters: number;
  /** Time of the last answered request as the editor felt it, in milliseconds; 0 before the first. */
  readonly lastLatencyMs: number;
}

/** A request is called thinking only after this long, so that the status bar does not flicker at each key. */
const THINKING_AFTER_MS = 100;

/** Counts what was asked, shown and accepted. */
export class Meter implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #counts: Counts = { shown: 0, accepted: 0, acceptedCharacters: 0, lastLatencyMs: 0 };
  #slow = 0;
  /** The text shown last, as long as the document goes on as it says. */
  #offer: Offer | undefined;
  /** The same, whatever became of it. */
  #last: Offer | undefined;
  #isLastAccepted = false;
  /** Of the text as it was answered last: characters that were taken in pieces since. */
  #taken = 0;

  get counts(): Counts {
    return this.#counts;
  }

  get thinking(): boolean {
    return this.#slow > 0;
  }

  /** Runs one completion request and counts it; `shownIn` finds what of the answer will be shown. */
  async measure<Answer>(
    request: () => Answer | Thenable<Answer>,
    shownIn: (answer: Answer) => Offer | undefined,
  ): Promise<Answer> {
    const startedMs = performance.now();
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.#changeSlow(1);
    }, THINKING_AFTER_MS);
    try {
      const answer = await request();
      const offer = shownIn(answer);
      if (offer) this.#show(offer, performance.now() - startedMs);
      return answer;
    } finally {
      clearTimeout(timer);
      if (isSlow) this.#changeSlow(-1);
    }
  }

  /** The whole text, of so many characters, of which pieces may have been taken before. */
  countAccepted(characters: number): void {
    this.#accept(Math.max(0, characters - this.#taken));
    this.#offer = undefined;
  }

  /** Whether it matters what is inserted in this document. */
  isFollowing(uri: string): boolean {
    return this.#offer?.uri === uri;
  }

  /** In the document that is followed; undefined is any other change of it. */
  inserted(insertion: Insertion | undefined): void {
    if (this.#offer === undefined) return;
    const { offer, taken } = insertion ? advance(this.#offer, insertion) : { offer: undefined, taken: 0 };
    this.#offer = offer;
    if (taken === 0) return;
    this.#taken += taken;
    this.#accept(taken);
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #show(offer: Offer, lastLatencyMs: number): void {
    const isNew = !continues(offer, this.#last);
    if (isNew) this.#isLastAccepted = false;
    this.#offer = offer;
    this.#last = offer;
    this.#taken = 0;
    this.#update({ ...this.#counts, shown: this.#counts.shown + (isNew ? 1 : 0), lastLatencyMs });
  }

  #accept(characters: number): void {
    const { accepted, acceptedCharacters } = this.#counts;
    const isFirst = !this.#isLastAccepted;
    this.#isLastAccepted = true;
    this.#update({
      ...this.#counts,
      accepted: accepted + (isFirst ? 1 : 0),
      acceptedCharacters: acceptedCharacters + characters,
    });
  }

  #update(counts: Counts): void {
    this.#counts = counts;
    this.#changed.fire();
  }

  #changeSlow(by: number): void {
    this.#slow += by;
    this.#changed.fire();
  }
}
