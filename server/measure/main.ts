/** What measures Stateline itself: benchmarks, ratios, Long Range Arena, the dashboard. Loaded when it is asked for. */
import type { CancellationToken } from "vscode-languageserver/node";
import type { DashboardData } from "../../protocol/dashboard.ts";
import type { MachineRoom, ModelSpeed, ModelSpeedParams } from "../../protocol/models.ts";
import { EngineError } from "../engine/engine.ts";
import type { RatioSwitch } from "../stateline.ts";
import { loadBlank } from "./blankModel.ts";
import { DashboardFigures } from "./dashboard.ts";
import { machineRoom, modelSpeed } from "./modelSpeed.ts";
import { RatioChanges } from "./ratioChange.ts";
import { MeasurementRequests, type MeasuringContext } from "./requests.ts";
import type { SessionFigures } from "./sessionFigures.ts";
import { SHAPES } from "./shapes.ts";

export interface MeasureContext extends MeasuringContext {
  readonly session: SessionFigures;
  /** The dashboard has something new to show. */
  readonly onMeasured: () => void;
}

export class Measure {
  readonly requests: MeasurementRequests;
  readonly #context: MeasureContext;
  readonly #figures: DashboardFigures;
  readonly #ratioChanges: RatioChanges;

  constructor(context: MeasureContext) {
    this.#context = context;
    this.requests = new MeasurementRequests(context);
    this.#figures = new DashboardFigures(context.session);
    this.#ratioChanges = new RatioChanges(context.log, context.onMeasured);
  }

  async dashboard(): Promise<DashboardData | null> {
    const stateline = this.#context.stateline();
    return (stateline && this.#figures.of(stateline, this.#ratioChanges.latest)) ?? null;
  }

  machineRoom(): MachineRoom {
    return machineRoom();
  }

  /** Of a model that need not serve. */
  async modelSpeed(params: ModelSpeedParams | null, token: CancellationToken): Promise<ModelSpeed> {
    const stateline = this.#context.stateline();
    if (!stateline || typeof params?.model !== "string") throw new Error("There is no model to measure.");
    const { path, problem } = stateline.placeOf(params.model);
    const shape = problem === undefined ? undefined : SHAPES[params.model];
    if (problem !== undefined && !shape) throw new EngineError(problem);
    const model = await (shape ? loadBlank(stateline, shape) : stateline.loadBeside(path));
    const stop = new AbortController();
    const listener = token.onCancellationRequested(() => stop.abort());
    try {
      return { ...(await modelSpeed(model, stop.signal)), ofShape: shape !== undefined };
    } finally {
      listener.dispose();
      model.dispose();
    }
  }

  /** What a change of the hybrid ratio does, measured behind everything else. */
  async ratioSwitched({ from, to, read }: RatioSwitch): Promise<void> {
    await this.#ratioChanges.measure(from, to, read, () => this.#context.stateline()?.served);
  }

  dispose(): void {
    this.#ratioChanges.dispose();
  }
}
