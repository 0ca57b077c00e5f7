/**
 * Many people at one server: edits of other people's repositories, typed at human speed by each of them at once, through the
 * product's own completer and client. Without --url the server is one of our own with the speed of a card, which knows exactly
 * whom it answered and for whom it wrote in vain, and falls silent for a third of the time.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { readAddress } from "../../server/engine/remote/address.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { SyntaxTrees } from "../../server/syntax/trees.ts";
import { editsOf, type FileEdits } from "../eval/replay/edits.ts";
import { humanPace } from "../eval/replay/pauses.ts";
import { replay } from "../eval/replay/session.ts";
import { versionsOf } from "../eval/replay/sources.ts";
import { Card } from "./remote/card.ts";
import { Person, type Watched } from "./remote/person.ts";

/** As a 7B model on one large card under vLLM, roughly. */
const CARD = { slots: 16, reads: 8000, writes: 60 };
/** More than anybody types meanwhile. */
const KEYS = 4000;
const SAMPLE_MS = 100;
/** A server may take so long to notice the last closed connections. */
const SETTLE_MS = 3000;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    people: { type: "string", default: "50" },
    seconds: { type: "string", default: "60" },
  },
});
const people = Number(values.people);
const seconds = Number(values.seconds);
if (!(people > 0 && seconds > 0)) throw new Error("--people and --seconds are numbers above 0.");

const card = values.url === undefined ? await Card.start(CARD) : undefined;
const url = values.url ?? card?.url ?? "";
const read = readAddress(url, true);
if ("problem" in read) throw new Error(read.problem);
const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => console.error(String(cause)));
const crowd = Array.from({ length: people }, (_, i) => new Person(i, read.address, syntax));
const edits = editsOfPeople();

const begunMs = performance.now();
const silence = { fromMs: begunMs + (1000 * seconds) / 3, toMs: begunMs + (2000 * seconds) / 3 };
const ends = new AbortController();
const load = watchLoad(ends.signal);
const lag = watchLag(ends.signal);
const typing = crowd.map((person, i) =>
  replay(person.name, edits[i] ?? [], person, humanPace(i + 1, false, until)).catch(ended),
);
if (card) {
  await delay(silence.fromMs - performance.now());
  card.isSilent = true;
  await delay(silence.toMs - performance.now());
  card.isSilent = false;
}
await delay(begunMs + 1000 * seconds - performance.now());
ends.abort();
await Promise.all(typing);
await Promise.all(crowd.map((person) => person.close()));
// What was taken back ends in its own turn of the event loop, and reaches the server a moment later.
await delay(5 * SAMPLE_MS);
const after = await settledLoad();

const questions = crowd.flatMap((person) => person.questions.map((one) => ({ ...one, person: person.name })));
const answered = questions.filter(({ end }) => end === "whole" || end === "early");
const keys = crowd.flatMap((person) => person.keys);
const during = (from: number, to: number) =>
  keys.filter(({ atMs }) => atMs >= from && atMs < to).map(({ waitedMs }) => waitedMs);
console.log(
  JSON.stringify(
    {
      server: card ? { card: CARD } : url,
      people,
      seconds,
      keysThatAsked: keys.length,
      /** From the key to the editor's answer, the pause before asking included. */
      keyMs: card
        ? {
            before: waits(during(begunMs, silence.fromMs)),
            whileSilent: waits(during(silence.fromMs, silence.toMs)),
            after: waits(during(silence.toMs, Number.POSITIVE_INFINITY)),
          }
        : waits(keys.map(({ waitedMs }) => waitedMs)),
      questions: questions.length,
      ends: countsOf(questions.map(({ end }) => end)),
      firstTokenMs: waits(answered.map(({ askedMs, firstMs = 0 }) => firstMs - askedMs)),
      answerMs: waits(answered.map(({ askedMs, endMs = 0 }) => endMs - askedMs)),
      lateTexts: crowd.reduce((sum, { lateTexts }) => sum + lateTexts, 0),
      promptTokensReadBefore: cachedShare(questions),
      mostUnderWayOfOnePerson: Math.max(...crowd.map(({ questions: own }) => mostAtOnce(own))),
      ...(card
        ? {
            card: card.figures,
            /** Whatever came to the card and is neither answered nor closed; the last ones may still be on their way. */
            lostCancellations: lostOf(card),
            answersToSomebodyElse: answered.filter(({ text, person }) => !text.startsWith(person)).length,
          }
        : { loadOfServer: load.most, underWayAfterwards: after }),
      eventLoopLagMs: waits(lag),
    },
    undefined,
    1,
  ),
);
card?.stop();
syntax.dispose();
process.exit(0);

/** Each person's own edits of one of the repositories. */
function editsOfPeople(): FileEdits[][] {
  const versions = versionsOf("development", "", (text) => console.error(text));
  if (versions.length === 0) throw new Error("There are no edits to replay; see ./dev eval replay --help.");
  return crowd.map((_, i) => editsOf(versions[i % versions.length] as (typeof versions)[0], KEYS, i + 1));
}

/** The pauses of typing, which end with the bench. */
async function until(ms: number): Promise<void> {
  await delay(ms, undefined, { signal: ends.signal });
}

function ended(cause: unknown): void {
  if (!ends.signal.aborted) throw cause;
}

/** What the server says of itself, every moment. */
function watchLoad(signal: AbortSignal) {
  const most = { running: 0, waiting: 0 };
  const watch = async () => {
    while (!signal.aborted) {
      const now = await loadNow();
      if (!now) return;
      most.running = Math.max(most.running, now.running);
      most.waiting = Math.max(most.waiting, now.waiting);
      await delay(SAMPLE_MS);
    }
  };
  if (!card) void watch().catch(() => undefined);
  return { most };
}

async function loadNow(): Promise<{ running: number; waiting: number } | undefined> {
  const response = await fetch(new URL("/metrics", url));
  if (!response.ok) return undefined;
  const text = await response.text();
  const value = (name: string) =>
    Number(new RegExp(`^(?:${name})(?:\\{.*\\})? ([\\d.]+)`, "m").exec(text)?.[1] ?? 0);
  return {
    running: value("vllm:num_requests_running|llamacpp:requests_processing"),
    waiting: value("vllm:num_requests_waiting|llamacpp:requests_deferred"),
  };
}

async function settledLoad() {
  if (card) return undefined;
  await delay(SETTLE_MS);
  return await loadNow();
}

function watchLag(signal: AbortSignal): number[] {
  const all: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    all.push(Math.max(0, now - last - SAMPLE_MS));
    last = now;
  }, SAMPLE_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return all;
}

function waits(ms: readonly number[]) {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function countsOf(ends: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...new Set(ends)].map((end) => [end, ends.filter((one) => one === end).length]));
}

/** Of answers whose end was read. */
function cachedShare(all: readonly Watched[]) {
  const told = all.filter(({ promptTokens }) => promptTokens > 0);
  const sum = (of: (one: Watched) => number) => told.reduce((total, one) => total + of(one), 0);
  const tokens = sum((one) => one.promptTokens);
  return { answers: told.length, tokens, share: sum((one) => one.cachedTokens) / tokens };
}

function lostOf({ figures }: Card): number {
  const { questions: asked, answered: whole, takenBackWaiting, takenBackRunning } = figures;
  return asked - whole - takenBackWaiting - takenBackRunning;
}

function mostAtOnce(all: readonly Watched[]): number {
  const changes = all.flatMap(({ askedMs, endMs = Number.POSITIVE_INFINITY }) => [
    { ms: askedMs, by: 1 },
    { ms: endMs, by: -1 },
  ]);
  let [now, most] = [0, 0];
  for (const { by } of changes.sort((a, b) => a.ms - b.ms || a.by - b.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
