import type { CommandFactory } from "../context.ts";

export const openDashboard: CommandFactory =
  ({ dashboard }) =>
  () =>
    dashboard.show();
