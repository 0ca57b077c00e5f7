/** The menu behind the status bar's item: the commands by their groups. */
import * as vscode from "vscode";
import type { Command } from "./commands.ts";
import type { Context } from "./context.ts";
import { figures } from "./face.ts";

export interface MenuEntry {
  /** A codicon's name. */
  readonly icon: string;
  readonly label: string;
  readonly description?: string;
}

export interface MenuPlace {
  /** Its heading; commands of one group stand together. */
  readonly group: string;
  /** undefined: not now. */
  readonly entry: MenuEntry | ((context: Context) => MenuEntry | undefined);
}

interface Item extends vscode.QuickPickItem {
  readonly command?: string;
}

export async function showMenu(context: Context, commands: readonly Command[]): Promise<void> {
  const choice = await vscode.window.showQuickPick(itemsOf(context, commands), {
    title: `Stateline: ${context.statusBar.face().sentence}`,
    placeHolder: summary(context),
    matchOnDescription: true,
  });
  if (choice?.command !== undefined) await vscode.commands.executeCommand(choice.command);
}

export function itemsOf(context: Context, commands: readonly Command[]): readonly Item[] {
  const items: Item[] = [];
  let group: string | undefined;
  for (const { id, menu } of commands) {
    if (menu === undefined) continue;
    const entry = typeof menu.entry === "function" ? menu.entry(context) : menu.entry;
    if (entry === undefined) continue;
    if (menu.group !== group) items.push({ label: menu.group, kind: vscode.QuickPickItemKind.Separator });
    group = menu.group;
    const { icon, label, description = "" } = entry;
    items.push({ label: `$(${icon}) ${label}`, command: id, description });
  }
  return items;
}

function summary({ client, meter }: Context): string {
  const { life } = client;
  if (life.kind !== "running" || life.status === undefined) return "What should Stateline do?";
  const known = new Map(figures(life.status, meter.figures));
  return ["Repository", "Reading speed", "Device"].flatMap((name) => known.get(name) ?? []).join(" · ");
}
