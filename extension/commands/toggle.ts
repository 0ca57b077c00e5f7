import type { CommandFactory } from "../context.ts";
import { readSettings, writeSetting } from "../settings.ts";

export const toggle: CommandFactory = () => () => writeSetting("enabled", !readSettings().settings.enabled);
