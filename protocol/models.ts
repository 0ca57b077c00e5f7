/** What models cost on this machine: asked by whoever lets a person choose one. */
import type { Request } from "./message.ts";

export const MACHINE_ROOM_REQUEST = { method: "stateline/machineRoom" } as Request<null, MachineRoom>;
/** Loads the model, or one of the same shape where it is not here, beside the one that serves, for some seconds. */
export const MODEL_SPEED_REQUEST = { method: "stateline/modelSpeed" } as Request<
  ModelSpeedParams,
  ModelSpeed
>;

export interface MachineRoom {
  /** Memory that may be taken. */
  readonly freeBytes: number;
  /** At which memory is read; what decoding a model that does not fit into caches is bound by. */
  readonly bytesPerSecond: number;
}

export interface ModelSpeedParams {
  /** As the setting "model" names it. */
  readonly model: string;
}

export interface ModelSpeed {
  /** From two typed characters to ten tokens written. */
  readonly msPerLine: number;
  readonly readTokensPerSecond: number;
  readonly weightBytes: number;
  /** For a person. */
  readonly device: string;
  /** Of a model of the same shape, since its own files are not here. */
  readonly ofShape: boolean;
}

/** Tokens of a line. */
export const LINE_TOKENS = 10;

/** Of a model that was not measured: every token reads all weights. */
export function estimatedMsPerLine(weightBytes: number, { bytesPerSecond }: MachineRoom): number {
  return (1000 * (LINE_TOKENS + 1) * weightBytes) / bytesPerSecond;
}
