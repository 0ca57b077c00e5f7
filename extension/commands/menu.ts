import * as vscode from "vscode";
import { isLanguageEnabled } from "../../protocol/languages.ts";
import type { CommandFactory, Context } from "../context.ts";
import { figures } from "../face.ts";
import { readSettings } from "../settings.ts";

interface Entry extends vscode.QuickPickItem {
  readonly command?: string;
}

export const menu: CommandFactory = (context) => async () => {
  const choice = await vscode.window.showQuickPick(entries(context), {
    title: `Stateline: ${context.statusBar.face().sentence}`,
    placeHolder: summary(context),
    matchOnDescription: true,
  });
  if (choice?.command !== undefined) await vscode.commands.executeCommand(choice.command);
};

function entries({ snooze }: Context): readonly Entry[] {
  const { settings } = readSettings();
  const id = vscode.window.activeTextEditor?.document.languageId;
  const onForLanguage = id !== undefined && isLanguageEnabled(settings.languages, id);
  const forLanguage: readonly Entry[] =
    id === undefined
      ? []
      : [
          entry(
            onForLanguage ? "circle-slash" : "check",
            `${onForLanguage ? "Disable" : "Enable"} for ${id}`,
            "stateline.toggleLanguage",
          ),
        ];
  return [
    heading("Completions"),
    entry(
      settings.enabled ? "debug-pause" : "play",
      settings.enabled ? "Disable completions" : "Enable completions",
      "stateline.toggle",
    ),
    ...forLanguage,
    entry(
      snooze.untilMs === undefined ? "bell-slash" : "bell",
      snooze.untilMs === undefined ? "Snooze…" : "Wake up",
      "stateline.snooze",
    ),
    heading("At the cursor"),
    entry("sparkle", "Ask for a completion", "stateline.trigger"),
    entry(
      "keyboard",
      "Keys to accept",
      "stateline.openKeys",
      "Tab all · Ctrl+Right a word · a line as you bind it",
    ),
    heading("Measured on this machine"),
    entry("dashboard", "Dashboard", "stateline.dashboard"),
    entry("settings", "Find the best hybrid ratio", "stateline.findRatio"),
    entry("graph-line", "Benchmark against attention", "stateline.benchmark"),
    entry("beaker", "Long Range Arena", "stateline.longRange"),
    heading("Server"),
    entry("book", "Read the repository again", "stateline.reread"),
    entry("debug-restart", "Restart the server", "stateline.restartServer"),
    entry("output", "Show the log", "stateline.showLog"),
    heading("More"),
    entry("gear", "Settings", "stateline.openSettings"),
    entry("mortar-board", "Walkthrough", "stateline.openWalkthrough"),
  ];
}

function heading(label: string): Entry {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

function entry(icon: string, label: string, command: string, description = ""): Entry {
  return { label: `$(${icon}) ${label}`, command, description };
}

function summary({ client, meter }: Context): string {
  const { life } = client;
  if (life.kind !== "running" || life.status === undefined) return "What should Stateline do?";
  const known = new Map(figures(life.status, meter.counts));
  return ["Repository", "Reading speed", "Device"].flatMap((name) => known.get(name) ?? []).join(" · ");
}
