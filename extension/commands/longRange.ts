import type { CommandFactory } from "../context.ts";

/** The table and the charts fill while it runs. */
export const longRange: CommandFactory =
  ({ dashboard, measurements }) =>
  async () => {
    dashboard.show();
    await measurements.longRange();
  };
