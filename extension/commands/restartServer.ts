import type { CommandFactory } from "../context.ts";

export const restartServer: CommandFactory =
  ({ client }) =>
  () =>
    client.restart();
