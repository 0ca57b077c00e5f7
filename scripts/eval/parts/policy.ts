/** What is shown while a person types: the calibration is fitted on edits of some packages and tested on the others'. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SUGGESTIONS } from "../../../protocol/settings.ts";
import { COSTS } from "../../../server/completion/policy.ts";
import { type Example, examplesOf, fitWeights, logLoss } from "../policy/calibrate.ts";
import type { DecodedEdit } from "../policy/decodings.ts";
import { decodedEdits } from "../policy/kept.ts";
import { type Figures, type Policy, policyOf, simulate } from "../policy/simulate.ts";
import { thresholdPolicy } from "../policy/thresholds.ts";
import { versionsOf } from "../replay/sources.ts";
import type { Options } from "./options.ts";

const CALIBRATION = fileURLToPath(new URL("../../../server/completion/calibration.ts", import.meta.url));
const THRESHOLDS = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
/** The model's own probability. */
const UNFITTED = [0, 1, 0, 0];

interface Package {
  readonly name: string;
  readonly edits: readonly DecodedEdit[];
  readonly examples: readonly Example[];
}

export async function policy(options: Options): Promise<object> {
  if (options.replay.split !== "development")
    throw new Error("A policy is fitted on development edits alone.");
  const packages: Package[] = [];
  for (const versions of versionsOf("development", options.only, options.say)) {
    const edits = await decodedEdits(versions, options.replay.keys, options.replay.seed, options.say);
    packages.push({ name: versions.name, edits, examples: examplesOf(edits) });
  }
  const heldOut = packages.map((one) => ({ name: one.name, ...heldOutLoss(one, packages) }));
  for (const { name, fitted, unfitted } of heldOut)
    options.say(`${name}: ${fitted.toFixed(3)} nats held out, ${unfitted.toFixed(3)} not fitted`);
  const weights = fitWeights(packages.flatMap(({ examples }) => examples));
  if (options.only === "") writeWeights(weights, options);
  return { keysEach: options.replay.keys, heldOut, weights, rules: rulesOn(packages, options) };
}

function writeWeights(weights: readonly number[], { say }: Options): void {
  const list = weights.map((weight) => Number(weight.toFixed(2))).join(", ");
  const source = readFileSync(CALIBRATION, "utf8");
  writeFileSync(CALIBRATION, source.replace(/\[[^\]]*\];/, `[${list}];`));
  say(`weights ${list}: in effect from the next run on`);
}

function heldOutLoss({ name, examples }: Package, packages: readonly Package[]) {
  const others = packages.filter((one) => one.name !== name).flatMap((one) => one.examples);
  const fitted = others.length > 0 ? logLoss(examples, fitWeights(others)) : Number.NaN;
  return { fitted, unfitted: logLoss(examples, UNFITTED) };
}

function rulesOn(packages: readonly Package[], { say }: Options) {
  const edits = packages.flatMap((one) => one.edits);
  const rules: [string, Policy][] = [
    ...THRESHOLDS.map((threshold): [string, Policy] => [`${threshold}`, thresholdPolicy(threshold)]),
    ...SUGGESTIONS.map((name): [string, Policy] => [name, policyOf(COSTS[name])]),
  ];
  return rules.map(([rule, one]) => {
    const figures = simulate(edits, one);
    say(sentence(rule, figures));
    return { rule, ...figures };
  });
}

function sentence(rule: string, figures: Figures): string {
  const { keysSaved, acceptedShare, charactersAnAcceptance, shownPer100Keys } = figures;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [
    `${rule}: ${percent(keysSaved)} of the keys saved`,
    `${percent(acceptedShare)} of the shown accepted`,
    `${charactersAnAcceptance.toFixed(1)} characters each`,
    `${shownPer100Keys.toFixed(1)} shown a hundred keys`,
  ].join(", ");
}
