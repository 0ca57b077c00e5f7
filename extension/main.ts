// The VS Code client: it knows vscode and the language server protocol, and nothing of models.
import type { ExtensionContext } from "vscode";
import { benchmark } from "./commands/benchmark.ts";
import { findRatio } from "./commands/findRatio.ts";
import { longRange } from "./commands/longRange.ts";
import { menu } from "./commands/menu.ts";
import { openDashboard } from "./commands/openDashboard.ts";
import { openKeys } from "./commands/openKeys.ts";
import { openSettings } from "./commands/openSettings.ts";
import { openWalkthrough } from "./commands/openWalkthrough.ts";
import { reread } from "./commands/reread.ts";
import { restartServer } from "./commands/restartServer.ts";
import { showLog } from "./commands/showLog.ts";
import { snooze } from "./commands/snooze.ts";
import { toggle } from "./commands/toggle.ts";
import { toggleLanguage } from "./commands/toggleLanguage.ts";
import { trigger } from "./commands/trigger.ts";
import { Context } from "./context.ts";
import type { ExtensionApi } from "./extensionApi.ts";

export function activate(extension: ExtensionContext): ExtensionApi {
  const context = Context.create(extension);
  context.registerCommand("stateline.menu", menu);
  context.registerCommand("stateline.toggle", toggle);
  context.registerCommand("stateline.toggleLanguage", toggleLanguage);
  context.registerCommand("stateline.snooze", snooze);
  context.registerCommand("stateline.trigger", trigger);
  context.registerCommand("stateline.dashboard", openDashboard);
  context.registerCommand("stateline.findRatio", findRatio);
  context.registerCommand("stateline.benchmark", benchmark);
  context.registerCommand("stateline.longRange", longRange);
  context.registerCommand("stateline.reread", reread);
  context.registerCommand("stateline.restartServer", restartServer);
  context.registerCommand("stateline.showLog", showLog);
  context.registerCommand("stateline.openSettings", openSettings);
  context.registerCommand("stateline.openKeys", openKeys);
  context.registerCommand("stateline.openWalkthrough", openWalkthrough);
  context.followSettings();
  context.followFolders();
  deactivateContext = () => context.stop();
  return context.api();
}

let deactivateContext: (() => Promise<void>) | undefined;

export function deactivate(): Promise<void> | undefined {
  return deactivateContext?.();
}
