/** The pause between a keystroke and the question: as long as half an answer takes, so that fast typing is not computed in vain. */
import { setTimeout as delay } from "node:timers/promises";
import { Cancelled } from "../engine/engine.ts";

const SHORTEST_MS = 15;
const LONGEST_MS = 250;
/** Weight of the newest latency in the running mean. */
const NEWEST_WEIGHT = 0.2;

export class AdaptivePause {
  #meanLatencyMs = 100;

  noteLatency(latencyMs: number): void {
    this.#meanLatencyMs += NEWEST_WEIGHT * (latencyMs - this.#meanLatencyMs);
  }

  lengthMs(triggerDelayMs: number): number {
    if (triggerDelayMs > 0) return triggerDelayMs;
    return Math.round(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.#meanLatencyMs / 2)));
  }
}

export async function pause(lengthMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(lengthMs, undefined, { signal });
  } catch {
    // The only rejection of a timer is its signal's.
    throw new Cancelled();
  }
}
