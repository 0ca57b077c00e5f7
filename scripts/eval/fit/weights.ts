/** Fitted gates and network as the engine takes them (native/engine/recall_weights.h): built in, or beside a model. */
import { join } from "node:path";
import { GATE_FEATURES, LEVELS } from "./evidence.ts";
import type { Gates } from "./gates.ts";
import {
  BIAS_AT,
  CANDIDATE,
  CANDIDATE_AT,
  type Network,
  OUTLOOK,
  OUTPUT_AT,
  SCALES,
  UNITS,
} from "./network.ts";

type Rows = readonly (readonly number[])[];

/** As recall.json has them: a row a level or a feature, in the order in which mixture.cc and correction.cc have them. */
export interface RecallWeights {
  readonly gates: Rows;
  /** Of one, of what is the same for all tokens, and of the kinds of the token before. */
  readonly outlook: Rows;
  readonly candidate: Rows;
  readonly output: readonly number[];
  readonly outputBias: number;
}

export function weightsOf(gates: Gates, network: Network): RecallWeights {
  const row = (of: Float64Array, at: number, length: number, scale = 1) =>
    Array.from(of.subarray(at, at + length), (w) => rounded(w * scale));
  const rows = (count: number, one: (i: number) => number[]) =>
    Array.from({ length: count }, (_, i) => one(i));
  return {
    gates: rows(LEVELS.length, (i) => row(gates, i * GATE_FEATURES, GATE_FEATURES)),
    outlook: rows(OUTLOOK, (i) => row(network, i * UNITS, UNITS)),
    candidate: rows(CANDIDATE, (i) => row(network, CANDIDATE_AT + i * UNITS, UNITS, SCALES[i])),
    output: row(network, OUTPUT_AT, UNITS),
    outputBias: rounded(network[BIAS_AT] ?? 0),
  };
}

/** Beside the model in a folder or in a GGUF file: where the engine looks for it. */
export function recallPath(modelPath: string): string {
  return modelPath.endsWith(".gguf")
    ? modelPath.replace(/gguf$/, "recall.json")
    : join(modelPath, "recall.json");
}

export function headerText({ gates, outlook, candidate, output, outputBias }: RecallWeights): string {
  const number = (x: number) => `${Number.isInteger(x) ? x.toFixed(1) : x}f`;
  const row = (numbers: readonly number[]) => `{${numbers.map(number).join(", ")}}`;
  const table = (name: string, rows: Rows) =>
    `inline constexpr std::array<std::array<float, ${rows[0]?.length}>, ${rows.length}> ${name}{{\n` +
    `${rows.map((one) => `    ${row(one)},\n`).join("")}}};\n`;
  return `// The embedded model's RecallWeights, a row a level or a feature in the order in which mixture.cc and
// correction.cc have them; \`./dev eval fit\` writes this file.
#pragma once

#include <array>

namespace stateline::engine::recall_defaults {

${table("kGates", gates)}
// One, what is the same for all tokens, and the kinds of the token before.
${table("kOutlook", outlook)}
// Of a token, then of its kinds.
${table("kCandidate", candidate)}
inline constexpr float kOutputBias = ${number(outputBias)};
inline constexpr std::array<float, ${output.length}> kOutput = ${row(output)};

}  // namespace stateline::engine::recall_defaults
`;
}

function rounded(weight: number): number {
  return Number(weight.toFixed(6));
}
