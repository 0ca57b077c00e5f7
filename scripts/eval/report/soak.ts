/** A long session full of trouble. */
import { MOST_GROWTH, MOST_RECOVERY_MS } from "../../soak/figures.ts";
import type { SoakResults } from "./results.ts";

export function soakText({
  counts,
  recoveryMs,
  residentMiB,
  growth,
  modules,
  failures,
}: SoakResults): string {
  const { keys, requests, cancelled, twins, switches, recoveriesMs, faults } = counts;
  const number = (value: number) => value.toLocaleString("en");
  const memory = [residentMiB.third, residentMiB.last, residentMiB.most].map((one) => one.toFixed(0));
  return [
    `${number(keys)} keys of replayed edits, ${number(requests)} requests at the real server. In the first quarter it is killed now and then; throughout, requests are taken back, two documents are asked about at once, and a branch is switched under it, of ${number(modules)} files.`,
    [
      `- ${number(faults.length)} texts of another document or place were shown; ${number(cancelled)} requests were taken back, ${number(twins)} times two documents were asked about at once.`,
      `- ${number(recoveriesMs.length)} kills; until the model answers again at the same place ${recoveryMs.p50.toFixed(0)} ms (median), ${recoveryMs.most.toFixed(0)} at most (${number(MOST_RECOVERY_MS)} allowed).`,
      `- ${switches} branches switched.`,
      `- Memory in the second half, in which nothing is killed: ${memory[0]} MiB in its first half, ${memory[1]} in its second (${(100 * growth).toFixed(1)} %, ${100 * MOST_GROWTH} % allowed), ${memory[2]} at most.`,
    ].join("\n"),
    failures.length > 0 ? `Not kept: ${failures.join("; ")}.` : "",
  ]
    .filter(Boolean)
    .join("\n\n");
}
