import type { CommandFactory } from "../context.ts";
import { offerRatio } from "../measurements.ts";

export const findRatio: CommandFactory =
  ({ dashboard, measurements, client }) =>
  async () => {
    dashboard.show();
    const advice = await measurements.bestRatio();
    const { life } = client;
    if (advice) await offerRatio(advice, life.kind === "running" ? life.status?.hybridRatio : undefined);
  };
