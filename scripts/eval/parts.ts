/** The parts of the evaluation by name: each takes the options and returns its figures, as they are kept. */
import { ngram, peer, smollm2 } from "./parts/baselines.ts";
import { bits } from "./parts/bits.ts";
import { lines } from "./parts/lines.ts";
import { needles } from "./parts/needles.ts";
import type { Options } from "./parts/options.ts";
import { policy } from "./parts/policy.ts";
import { pytorch } from "./parts/pytorch.ts";
import { replay } from "./parts/replay.ts";

export const PARTS: Readonly<Record<string, (options: Options) => Promise<object>>> = {
  bits,
  lines,
  needles,
  ngram,
  smollm2,
  peer,
  pytorch,
  replay,
  policy,
};
