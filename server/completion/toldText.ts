/** A document as a server may read it: without the lines that hold secrets. */
import { secretLines, withoutLines } from "../repository/secretLines.ts";
import type { Surroundings } from "./request.ts";

/** On either side of the cursor; a server is sent nothing from further away. Looking through both takes some milliseconds. */
const LOOKED_THROUGH = 100_000;

/** undefined where the line with the cursor holds one. As many lines as before. */
export async function toldSurroundings(around: Surroundings): Promise<Surroundings | undefined> {
  const from = Math.max(0, around.before.length - LOOKED_THROUGH);
  const near = around.before.slice(from);
  const after = around.after.slice(0, LOOKED_THROUGH);
  const secret = await secretLines(near + after);
  if (secret.size === 0) return { ...around, after };
  const cursorsLine = near.split("\n").length - 1;
  if (secret.has(cursorsLine)) return undefined;
  return {
    ...around,
    before: around.before.slice(0, from) + withoutLines(near, secret),
    after: withoutLines(after, secret, cursorsLine),
  };
}
