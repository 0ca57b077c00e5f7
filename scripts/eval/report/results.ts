/** What docs/evaluation/PART.json holds, for the report. */

import type { Machine } from "../../../protocol/benchmark.ts";
import type { ModelInfo } from "../../../server/engine/engine.ts";
import type { SoakCounts, SoakFigures } from "../../soak/figures.ts";
import type { Answer, AnswerFigures, Offered } from "../answers.ts";
import type { BitsFigures, ScoredFile } from "../bits.ts";
import type { NameFigures } from "../names.ts";
import type { NeedleFigures } from "../needles.ts";
import type { ReplayRun } from "../parts/replay.ts";
import type { OnDisk } from "../places.ts";
import type { PositionFigures } from "../positions.ts";
import type { Condition } from "../reading.ts";
import type { Speed } from "../replay/pauses.ts";
import type { Smollm2Answers } from "../smollm2.ts";

export interface Recorded {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: Machine;
  readonly seconds: number;
}

export interface BitsResults extends Recorded {
  readonly model: ModelInfo;
  readonly results: readonly {
    readonly hybridRatio: number;
    readonly files: readonly ScoredFile[];
    readonly figures: readonly BitsFigures[];
    readonly positions: readonly PositionFigures[];
    readonly names: readonly NameFigures[];
  }[];
}

export interface LineRun {
  readonly readsRepository: boolean;
  /** What of the line was on disk; runs that do not say had nothing there. */
  readonly asked?: OnDisk;
  readonly figures: readonly AnswerFigures[];
  readonly answers: readonly Answer[];
}

export interface LineResults extends Recorded {
  readonly device: string;
  readonly results: readonly (LineRun & { readonly offered: Offered })[];
}

export interface NgramResults extends Recorded {
  readonly files: readonly ScoredFile[];
  readonly bits: readonly BitsFigures[];
  readonly results: readonly LineRun[];
}

export interface NeedleResults extends Recorded {
  readonly attentionWindow: number;
  readonly results: readonly { readonly hybridRatio: number; readonly figures: readonly NeedleFigures[] }[];
}

export interface PytorchResults extends Recorded {
  readonly contextTokens: number;
  readonly results: readonly {
    readonly hybridRatio: number;
    readonly condition: Condition;
    readonly engine: number;
    readonly pytorch: number;
  }[];
}

export interface ReplayResults extends Recorded {
  readonly keysEach: number;
  readonly speed: Speed;
  readonly savesItself?: boolean;
  readonly results: readonly ReplayRun[];
}

export interface SoakResults extends Recorded, SoakFigures {
  readonly modules: number;
  readonly counts: Omit<SoakCounts, "residentMiB">;
}

export interface PeerResults extends Recorded {
  readonly figures: readonly AnswerFigures[];
  readonly answers: readonly Answer[];
}

export interface Smollm2Results extends Recorded, Smollm2Answers {}

/** By the name of the part; those that were measured. */
export interface Results {
  readonly bits?: BitsResults;
  readonly lines?: LineResults;
  readonly needles?: NeedleResults;
  readonly ngram?: NgramResults;
  readonly smollm2?: Smollm2Results;
  readonly peer?: PeerResults;
  readonly pytorch?: PytorchResults;
  readonly replay?: ReplayResults;
  readonly soak?: SoakResults;
}
