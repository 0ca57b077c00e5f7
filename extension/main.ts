// The VS Code client: it knows vscode and the language server protocol, and nothing of models.
import type { ExtensionContext } from "vscode";
import { COMMANDS } from "./commands.ts";
import { Context } from "./context.ts";
import type { ExtensionApi } from "./extensionApi.ts";

export function activate(extension: ExtensionContext): ExtensionApi {
  const context = Context.create(extension);
  for (const command of COMMANDS) context.register(command);
  context.followSettings();
  context.followFolders();
  deactivateContext = () => context.stop();
  return context.api();
}

let deactivateContext: (() => Promise<void>) | undefined;

export function deactivate(): Promise<void> | undefined {
  return deactivateContext?.();
}
