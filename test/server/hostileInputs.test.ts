/** A short run of each fuzz target in TypeScript, from what was found interesting before. `./dev test:fuzz` runs them at length. */
import { test } from "node:test";
import { randomSource } from "../../scripts/eval/random.ts";
import { fuzz, seedsOf, TARGETS, type TargetName } from "../fuzz/targets.ts";

const EXECUTIONS = 1000;

for (const name of Object.keys(TARGETS) as TargetName[]) {
  test(`whatever the bytes, ${name}: a sound value or a refusal`, (context) => {
    const seed = 1; // the same inputs in every run; ./dev test:fuzz draws others
    context.diagnostic(`seed ${seed}`);
    for (const input of seedsOf(name)) TARGETS[name].read(input, randomSource(seed));
    fuzz(name, EXECUTIONS, randomSource(seed));
  });
}
