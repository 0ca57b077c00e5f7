/** One run of the comparison, with what it was measured on. */
import { freemem } from "node:os";
import {
  type BenchmarkParams,
  type BenchmarkRun,
  DEFAULT_CONTEXTS,
  DEFAULT_TIME_LIMIT_SECONDS,
} from "../../protocol/benchmark.ts";
import type { Model } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { type AgainstAttentionOptions, measureAgainstAttention, modesToMeasure } from "./againstAttention.ts";
import { describeMachine } from "./machine.ts";
import { programTokens } from "./program.ts";
import { DECODE_TOKENS } from "./track.ts";

const MOST_MEMORY_BYTES = 8 * 2 ** 30;

export interface Subject {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly modelName: string;
  /** As the settings have it. */
  readonly stateHeads: number;
  readonly attentionWindow: number;
}

export type Listeners = Pick<AgainstAttentionOptions, "onPoint" | "onProgress" | "shortTokens">;

export async function runBenchmark(
  subject: Subject,
  params: BenchmarkParams,
  signal: AbortSignal,
  listeners: Listeners,
): Promise<BenchmarkRun> {
  const { model, tokenizer } = subject;
  const contexts = params.contexts ?? DEFAULT_CONTEXTS;
  const timeLimitSeconds = params.timeLimitSeconds ?? DEFAULT_TIME_LIMIT_SECONDS;
  const memoryLimitBytes = params.memoryLimitBytes ?? Math.min(MOST_MEMORY_BYTES, Math.floor(freemem() / 2));
  const machine = describeMachine();
  const date = new Date().toISOString();
  const begunMs = performance.now();
  const series = await measureAgainstAttention(model, {
    ...listeners,
    modes: modesToMeasure(model.info.heads, subject.stateHeads, subject.attentionWindow),
    contexts,
    tokens: await programTokens(tokenizer, contexts.at(-1) ?? 0, signal),
    timeLimitMs: timeLimitSeconds * 1000,
    memoryLimitBytes,
    signal,
  });
  const { hash, parameters, quantization, weightBytes, cpuLevel, threads, device } = model.info;
  return {
    version: 1,
    date,
    seconds: Math.round((performance.now() - begunMs) / 1000),
    machine,
    model: {
      ...{ name: subject.modelName, hash, parameters, quantization, weightBytes, cpuLevel, threads },
      ...(device !== "cpu" && { gpu: device }),
    },
    decodeTokens: DECODE_TOKENS,
    timeLimitSeconds,
    memoryLimitBytes,
    series,
  };
}
