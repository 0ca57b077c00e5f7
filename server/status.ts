/** What a person is told of the model and of what it has read. */
import type { Status } from "../protocol/messages.ts";
import { describeDevice } from "./engine/device.ts";
import { hybridRatioOf } from "./engine/engine.ts";
import { modelName, type Reading } from "./reading.ts";
import { slowReading } from "./repository/budget.ts";

/** Before anything else is known. */
export const LOADING: Status = {
  state: "loading",
  tokensRead: 0,
  tokensTotal: 0,
  stateTokens: 0,
  weightBytes: 0,
  stateBytes: 0,
  kvBytes: 0,
  tokensPerSecond: 0,
  hybridRatio: 0,
  layers: { recurrent: 0, attention: 0 },
  device: "",
  model: "",
};

export function statusOf(reading: Reading): Status {
  const { model, memory, place } = reading;
  const { info } = model;
  const { progress, state } = memory;
  const { tokensRead, tokensTotal, tokensPerSecond, problem = place.problem } = progress;
  const slow = slowReading(model);
  return {
    state: progress.reading ? "reading" : "ready",
    tokensRead,
    tokensTotal,
    stateTokens: state.tokenCount,
    weightBytes: info.weightBytes,
    stateBytes: state.stateBytes,
    kvBytes: state.kvBytes,
    tokensPerSecond: Math.round(tokensPerSecond),
    ...(slow && { slowReading: slow }),
    hybridRatio: hybridRatioOf(info, state.stateHeads),
    layers: info.layerKinds,
    device: describeDevice(info),
    model: modelName(reading),
    ...(problem ? { message: problem } : {}),
  };
}
