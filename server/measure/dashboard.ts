/** The dashboard's figures: what memory holds, what attention would need, and how this session went. */
import type { DashboardData, RatioChange } from "../../protocol/dashboard.ts";
import { AttentionCost } from "../engine/attentionCost.ts";
import type { Model } from "../engine/engine.ts";
import type { Stateline } from "../stateline.ts";
import type { SessionFigures } from "./sessionFigures.ts";

export class DashboardFigures {
  readonly #session: SessionFigures;
  #cost: { readonly model: Model; readonly attention: AttentionCost } | undefined;

  constructor(session: SessionFigures) {
    this.#session = session;
  }

  /** undefined while no model serves. */
  async of(stateline: Stateline, ratioChange: RatioChange | undefined): Promise<DashboardData | undefined> {
    const asked = stateline.served;
    const perToken = asked && (await this.#costOf(asked.model).bytesPerToken());
    // A model may have come to serve in the place of the one that was asked.
    const served = stateline.served;
    if (!served || perToken === undefined) return undefined;
    const { model, state, recall, stateHeads, attentionWindow, stateTokens } = served;
    const { stateBytes, kvBytes } = state;
    const contextTokens = Math.max(stateTokens, stateline.lastCompletion?.contextTokens ?? 0);
    return {
      status: stateline.status,
      heads: model.info.heads,
      wantedRatio: stateHeads / model.info.heads,
      attentionWindow,
      memory: {
        weightBytes: model.info.weightBytes,
        stateBytes,
        kvBytes,
        checkpointBytes: Math.max(0, model.heldBytes - stateBytes - kvBytes),
        recallBytes: recall.bytes,
      },
      attention: { contextTokens, bytes: Math.round(perToken * contextTokens) },
      reading: this.#session.reading,
      decoding: this.#session.decoding,
      latency: this.#session.latency,
      ...(ratioChange && { ratioChange }),
    };
  }

  #costOf(model: Model): AttentionCost {
    if (this.#cost?.model !== model) this.#cost = { model, attention: new AttentionCost(model) };
    return this.#cost.attention;
  }
}
