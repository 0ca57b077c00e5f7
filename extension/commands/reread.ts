import { REREAD_REQUEST } from "../../protocol/messages.ts";
import type { CommandFactory } from "../context.ts";

export const reread: CommandFactory =
  ({ client }) =>
  () =>
    client.request(REREAD_REQUEST, null);
