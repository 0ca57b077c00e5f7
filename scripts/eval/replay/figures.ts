/** What replayed edits come to: keys, what was shown, and what it cost. */
import type { Language } from "../languages.ts";
import { type Estimate, estimate } from "../random.ts";
import type { Usage } from "./answerer.ts";
import { READABLE_MS } from "./pauses.ts";
import type { EditRecord } from "./session.ts";

export interface Waits {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface ReplayFigures {
  readonly name: string;
  readonly edits: number;
  /** Without any help. */
  readonly keys: number;
  readonly keysSaved: Estimate;
  /** What taking the right words of the other texts one by one would add. */
  readonly keysSavedByWords: Estimate;
  readonly requests: number;
  /** Of requests: with something shown. */
  readonly shownShare: Estimate;
  /** Texts; one that is typed along counts once. */
  readonly shown: number;
  readonly shownPer100Keys: number;
  readonly acceptedShare: Estimate;
  readonly charactersAnAcceptance: Estimate;
  /** Of the shown. */
  readonly singleCharacterShare: Estimate;
  readonly wrongPer100Keys: number;
  readonly replacedUnreadPer100Keys: number;
  /** Of requests with something shown: without decoding. */
  readonly cachedShare: Estimate;
  /** Of requests: the next key came before the answer. */
  readonly cancelledShare: Estimate;
  readonly waitMs: Waits;
  /** The first key of an edit. */
  readonly firstWaitMs: Waits;
  readonly cpuSecondsPer1000Keys?: number;
  readonly residentMiB?: number;
}

export function replayFigures(name: string, records: readonly EditRecord[], usage?: Usage): ReplayFigures {
  const keys = sum(records, ({ keysAlone }) => keysAlone);
  const showings = records.flatMap((record) => record.showings);
  const accepted = showings.filter((one) => one.accepted);
  const per100Keys = (count: number) => (100 * count) / keys;
  const share = (part: (record: EditRecord) => number, whole: (record: EditRecord) => number): Estimate =>
    estimate(records.map(part), records.map(whole));
  const shownIn = (is: (showing: EditRecord["showings"][number]) => boolean) => (record: EditRecord) =>
    record.showings.filter(is).length;
  const all = ({ showings: own }: EditRecord) => own.length;
  return {
    name,
    edits: records.length,
    keys,
    keysSaved: share(
      (one) => one.keysAlone - one.keys,
      (one) => one.keysAlone,
    ),
    keysSavedByWords: share(
      (one) => sum(one.showings, ({ sparedByWords }) => sparedByWords),
      (one) => one.keysAlone,
    ),
    requests: sum(records, ({ requests }) => requests),
    shownShare: share(
      (one) => one.shownRequests,
      (one) => one.requests,
    ),
    shown: showings.length,
    shownPer100Keys: per100Keys(showings.length),
    acceptedShare: share(
      shownIn((one) => one.accepted),
      all,
    ),
    charactersAnAcceptance: share(
      (one) =>
        sum(one.showings, ({ accepted: taken, text, typedAlong }) => (taken ? text.length - typedAlong : 0)),
      shownIn((one) => one.accepted),
    ),
    singleCharacterShare: share(
      shownIn(({ text }) => [...text].length === 1),
      all,
    ),
    wrongPer100Keys: per100Keys(showings.length - accepted.length),
    replacedUnreadPer100Keys: per100Keys(
      showings.filter(({ wasReplaced, stoodMs }) => wasReplaced && stoodMs < READABLE_MS).length,
    ),
    cachedShare: share(
      (one) => one.cached,
      (one) => one.shownRequests,
    ),
    cancelledShare: share(
      (one) => one.cancelled,
      (one) => one.requests,
    ),
    waitMs: waits(records.flatMap(({ ms }) => ms)),
    firstWaitMs: waits(records.flatMap(({ ms }) => ms.slice(0, 1))),
    ...(usage?.cpuSeconds !== undefined && { cpuSecondsPer1000Keys: (1000 * usage.cpuSeconds) / keys }),
    ...(usage?.residentBytes !== undefined && { residentMiB: usage.residentBytes / 2 ** 20 }),
  };
}

export function byLanguage(records: readonly EditRecord[]): ReplayFigures[] {
  const languages = [...new Set(records.map(({ language }) => language as Language))].sort();
  return languages.map((language) =>
    replayFigures(
      language,
      records.filter((one) => one.language === language),
    ),
  );
}

/** Where lines were only added, and where others were taken away. */
export function byKind(records: readonly EditRecord[]): ReplayFigures[] {
  return [false, true]
    .map((isChange) => ({ isChange, some: records.filter((one) => one.isChange === isChange) }))
    .filter(({ some }) => some.length > 0)
    .map(({ isChange, some }) => replayFigures(isChange ? "lines changed" : "lines added", some));
}

function waits(values: readonly number[]): Waits {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
