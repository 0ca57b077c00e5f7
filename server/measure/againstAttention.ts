/** State against attention: the same weights in each mode, by length of context, side by side in time. */
import type { BenchmarkPoint, BenchmarkSeries, MeasuredPoint, Mode } from "../../protocol/benchmark.ts";
import { hybridRatioOf, type Model } from "../engine/engine.ts";
import { median } from "./statistics.ts";
import { Track, type TrackOptions } from "./track.ts";

/** Short contexts take milliseconds: they are measured several times, and the medians taken. */
const ROUNDS = 3;
const SHORT_TOKENS = 4096;

export interface ModeToMeasure {
  readonly mode: Mode;
  readonly stateHeads: number;
  readonly attentionWindow: number;
}

export interface AgainstAttentionOptions {
  readonly modes: readonly ModeToMeasure[];
  /** Ascending. */
  readonly contexts: readonly number[];
  /** As many as the longest context. */
  readonly tokens: Int32Array;
  readonly timeLimitMs: number;
  readonly memoryLimitBytes: number;
  /** Contexts up to this length are measured in several rounds. */
  readonly shortTokens?: number;
  readonly signal: AbortSignal;
  readonly onPoint: (measured: MeasuredPoint) => void;
  /** Share of all tokens that are to be read, 0 to 1; and what is being measured. */
  readonly onProgress: (share: number, message: string) => void;
}

/** What is chosen is left out when it is one of the extremes; without heads that switch it is all there is. */
export function modesToMeasure(heads: number, stateHeads: number, attentionWindow: number): ModeToMeasure[] {
  if (heads === 0) return [{ mode: "chosen", stateHeads, attentionWindow }];
  const modes: ModeToMeasure[] = [
    { mode: "state", stateHeads: heads, attentionWindow: 0 },
    { mode: "attention", stateHeads: 0, attentionWindow: 0 },
  ];
  const isExtreme = stateHeads === heads || (stateHeads === 0 && attentionWindow === 0);
  if (!isExtreme) modes.push({ mode: "chosen", stateHeads, attentionWindow });
  return modes;
}

export async function measureAgainstAttention(
  model: Model,
  options: AgainstAttentionOptions,
): Promise<BenchmarkSeries[]> {
  const { contexts, shortTokens = SHORT_TOKENS } = options;
  const short = contexts.filter((tokens) => tokens <= shortTokens);
  const progress = new Progress(options, short);
  const earlier: Measured[] = [];
  for (let round = 1; round < ROUNDS && short.length > 0; round++) {
    await measureRound(model, options, short, progress, (measured) => earlier.push(measured));
  }
  const points = new Map<Mode, BenchmarkPoint[]>(options.modes.map(({ mode }) => [mode, []]));
  const tracks = await measureRound(model, options, contexts, progress, ({ track, point: latest }) => {
    const { mode, stateHeads, attentionWindow } = track;
    const same = earlier.filter((one) => one.track.mode === mode).map((one) => one.point);
    const point = medianPoint(latest, same);
    points.get(mode)?.push(point);
    options.onPoint({ mode, hybridRatio: hybridRatioOf(model.info, stateHeads), attentionWindow, point });
  });
  return tracks.map(({ options: { mode, stateHeads, attentionWindow }, stopped }) => ({
    mode,
    hybridRatio: hybridRatioOf(model.info, stateHeads),
    attentionWindow,
    points: points.get(mode) ?? [],
    ...(stopped && { stopped }),
  }));
}

interface Measured {
  readonly track: TrackOptions;
  readonly point: BenchmarkPoint;
}

/** Context by context, mode by mode: what slows the machine down for a while slows all modes down. */
async function measureRound(
  model: Model,
  options: AgainstAttentionOptions,
  contexts: readonly number[],
  progress: Progress,
  onPoint: (measured: Measured) => void,
): Promise<Track[]> {
  const { modes, tokens, timeLimitMs, memoryLimitBytes, signal } = options;
  const tracks = modes.map((mode) => {
    const onBatch = (count: number) => progress.add(count, mode.mode);
    return new Track(model, { ...mode, tokens, timeLimitMs, memoryLimitBytes, signal, onBatch });
  });
  try {
    for (const context of contexts) {
      for (const track of tracks) {
        progress.context = context;
        const point = track.stopped ? undefined : await track.reach(context);
        if (point) onPoint({ track: track.options, point });
      }
    }
    return tracks;
  } finally {
    for (const track of tracks) track.dispose();
  }
}

/** The memory is the same each time; the times are the medians over the rounds. */
function medianPoint(point: BenchmarkPoint, others: readonly BenchmarkPoint[]): BenchmarkPoint {
  const all = [point, ...others.filter(({ contextTokens }) => contextTokens === point.contextTokens)];
  const of = (value: (one: BenchmarkPoint) => number) => median(all.map(value));
  return {
    ...point,
    prefillMs: of(({ prefillMs }) => prefillMs),
    prefillTokensPerSecond: of(({ prefillTokensPerSecond }) => prefillTokensPerSecond),
    decodeTokensPerSecond: of(({ decodeTokensPerSecond }) => decodeTokensPerSecond),
    wallMs: of(({ wallMs }) => wallMs),
  };
}

const SPOKEN: Readonly<Record<Mode, string>> = {
  state: "all heads as state",
  attention: "all heads as attention",
  chosen: "the chosen ratio",
};

class Progress {
  readonly #options: AgainstAttentionOptions;
  readonly #total: number;
  #done = 0;
  context = 0;

  constructor(options: AgainstAttentionOptions, short: readonly number[]) {
    this.#options = options;
    const perMode = (options.contexts.at(-1) ?? 0) + (ROUNDS - 1) * (short.at(-1) ?? 0);
    this.#total = options.modes.length * perMode;
  }

  /** Of a mode that stopped nothing more comes: the share then ends below 1. */
  add(tokens: number, mode: Mode): void {
    this.#done += tokens;
    const length = this.context >= 1024 ? `${Math.round(this.context / 1024)} k` : String(this.context);
    this.#options.onProgress(this.#done / this.#total, `${length} tokens, ${SPOKEN[mode]}`);
  }
}
