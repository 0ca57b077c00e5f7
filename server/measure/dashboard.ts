/** The dashboard's figures: what memory holds, what attention would need, and how this session went. */
import type { DashboardData, RatioChange } from "../../protocol/dashboard.ts";
import { hybridRatioOf } from "../engine/engine.ts";
import type { Stateline } from "../stateline.ts";
import type { SessionFigures } from "./sessionFigures.ts";

export class DashboardFigures {
  readonly #session: SessionFigures;

  constructor(session: SessionFigures) {
    this.#session = session;
  }

  /** undefined while no model serves. */
  of(stateline: Stateline, ratioChange: RatioChange | undefined): DashboardData | undefined {
    const { served } = stateline;
    if (!served) return undefined;
    const { model, state, recall, stateHeads, attentionWindow, stateTokens, bytesPerToken } = served;
    const { stateBytes, kvBytes } = state;
    const contextTokens = Math.max(stateTokens, stateline.lastCompletion?.contextTokens ?? 0);
    return {
      status: stateline.status,
      heads: model.info.heads,
      wantedRatio: hybridRatioOf(model.info, stateHeads),
      attentionWindow,
      memory: {
        weightBytes: model.info.weightBytes,
        stateBytes,
        kvBytes,
        checkpointBytes: Math.max(0, model.heldBytes - stateBytes - kvBytes),
        recallBytes: recall.bytes,
      },
      attention: { contextTokens, bytes: Math.round(bytesPerToken * contextTokens) },
      reading: this.#session.reading,
      decoding: this.#session.decoding,
      latency: this.#session.latency,
      ...(ratioChange && { ratioChange }),
    };
  }
}
