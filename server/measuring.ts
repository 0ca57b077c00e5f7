/** The door to what measures Stateline itself (measure/): its code is loaded with the first request for it. */
import {
  ADD_BENCHMARK_REQUEST,
  BENCHMARK_REQUEST,
  RATIOS_REQUEST,
  SAVED_BENCHMARKS_REQUEST,
} from "../protocol/benchmark.ts";
import { DASHBOARD_REQUEST } from "../protocol/dashboard.ts";
import { LONG_RANGE_REQUEST } from "../protocol/longRange.ts";
import { MACHINE_ROOM_REQUEST, MODEL_SPEED_REQUEST } from "../protocol/models.ts";
import type { Measure, MeasureContext } from "./measure/main.ts";
import { SessionFigures } from "./measure/sessionFigures.ts";
import type { RatioSwitch } from "./stateline.ts";
import { onRequest } from "./typedMessages.ts";

export class Measuring {
  /** Gathered from the start. */
  readonly session = new SessionFigures();
  readonly #context: MeasureContext;
  #measure: Promise<Measure> | undefined;
  #disposed = false;

  constructor(context: Omit<MeasureContext, "session">) {
    this.#context = { ...context, session: this.session };
  }

  listen(): void {
    const { connection } = this.#context;
    const requests = async () => (await this.#load()).requests;
    onRequest(connection, BENCHMARK_REQUEST, async (params, token) =>
      (await requests()).benchmark(params, token),
    );
    onRequest(connection, RATIOS_REQUEST, async (params, token) => (await requests()).ratios(params, token));
    onRequest(connection, LONG_RANGE_REQUEST, async (params, token) =>
      (await requests()).longRange(params, token),
    );
    onRequest(connection, SAVED_BENCHMARKS_REQUEST, async () => (await requests()).savedBenchmarks());
    onRequest(connection, ADD_BENCHMARK_REQUEST, async (params) => (await requests()).addBenchmark(params));
    onRequest(connection, MACHINE_ROOM_REQUEST, async () => (await this.#load()).machineRoom());
    onRequest(connection, MODEL_SPEED_REQUEST, async (params, token) =>
      (await this.#load()).modelSpeed(params, token),
    );
    onRequest(connection, DASHBOARD_REQUEST, async () => (await this.#load()).dashboard());
  }

  async ratioSwitched(change: RatioSwitch): Promise<void> {
    await (await this.#load()).ratioSwitched(change);
  }

  dispose(): void {
    this.#disposed = true;
    void this.#measure?.then((measure) => measure.dispose());
  }

  async #load(): Promise<Measure> {
    this.#measure ??= import("./measure/main.ts").then(({ Measure }) => new Measure(this.#context));
    const measure = await this.#measure;
    if (this.#disposed) measure.dispose();
    return measure;
  }
}
