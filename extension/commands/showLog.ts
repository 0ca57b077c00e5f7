import type { CommandFactory } from "../context.ts";

export const showLog: CommandFactory =
  ({ log }) =>
  () =>
    log.show();
