/** Every command: where it appears and what it does. Registration and the menu follow from this; package.json is tested against it. */
import * as vscode from "vscode";
import { isLanguageEnabled, withLanguage, withoutLanguage } from "../protocol/languages.ts";
import { REREAD_REQUEST } from "../protocol/messages.ts";
import type { Context } from "./context.ts";
import { deleteCounts, openCounts } from "./counts.ts";
import { type MenuPlace, showMenu } from "./menu.ts";
import { setHubToken } from "./models/hubAccess.ts";
import { setRemoteKey } from "./remoteKey.ts";
import { writeSetting } from "./settings.ts";

export interface Command {
  readonly id: `stateline.${string}`;
  /** In the command palette, after "Stateline:". */
  readonly title: string;
  /** Offered in the palette only while an editor is open. */
  readonly wantsEditor?: true;
  readonly menu?: MenuPlace;
  readonly run: (context: Context, argument: unknown) => unknown;
}

/** In the order of the menu. */
export const COMMANDS: readonly Command[] = [
  { id: "stateline.menu", title: "Menu", run: (context) => showMenu(context, COMMANDS) },
  {
    id: "stateline.toggle",
    title: "Enable or Disable Completions",
    menu: {
      group: "Completions",
      entry: ({ settings }) =>
        settings.now.enabled
          ? { icon: "debug-pause", label: "Disable completions" }
          : { icon: "play", label: "Enable completions" },
    },
    run: ({ settings }) => writeSetting("enabled", !settings.now.enabled),
  },
  {
    id: "stateline.toggleLanguage",
    title: "Enable or Disable for This Language",
    wantsEditor: true,
    menu: {
      group: "Completions",
      entry: ({ settings }) => {
        const id = activeLanguage();
        if (id === undefined) return undefined;
        return isLanguageEnabled(settings.now.languages, id)
          ? { icon: "circle-slash", label: `Disable for ${id}` }
          : { icon: "check", label: `Enable for ${id}` };
      },
    },
    run: toggleLanguage,
  },
  {
    id: "stateline.snooze",
    title: "Snooze or Wake Up",
    menu: {
      group: "Completions",
      entry: ({ snooze }) =>
        snooze.untilMs === undefined
          ? { icon: "bell-slash", label: "Snooze…" }
          : { icon: "bell", label: "Wake up" },
    },
    run: snoozeOrWake,
  },
  {
    id: "stateline.trigger",
    title: "Ask for a Completion",
    wantsEditor: true,
    menu: { group: "At the cursor", entry: { icon: "sparkle", label: "Ask for a completion" } },
    run: () => execute("editor.action.inlineSuggest.trigger"),
  },
  {
    id: "stateline.openKeys",
    title: "Keys to Accept Completions",
    menu: {
      group: "At the cursor",
      entry: {
        icon: "keyboard",
        label: "Keys to accept",
        description: "Tab all · Ctrl+Right a word · a line as you bind it",
      },
    },
    // Accepting is VS Code's own: Tab, by word, by line; its keyboard editor shows and changes the keys.
    run: () => execute("workbench.action.openGlobalKeybindings", "inlineSuggest.accept"),
  },
  {
    id: "stateline.dashboard",
    title: "Dashboard",
    menu: { group: "Measured on this machine", entry: { icon: "dashboard", label: "Dashboard" } },
    run: async ({ measuring }) => (await measuring()).dashboard.show(),
  },
  {
    id: "stateline.findRatio",
    title: "Find the Best Hybrid Ratio",
    menu: {
      group: "Measured on this machine",
      entry: { icon: "settings", label: "Find the best hybrid ratio" },
    },
    run: async ({ measuring }) => (await measuring()).run("ratios"),
  },
  {
    id: "stateline.benchmark",
    title: "Benchmark Against Attention",
    menu: {
      group: "Measured on this machine",
      entry: { icon: "graph-line", label: "Benchmark against attention" },
    },
    run: async ({ measuring }) => (await measuring()).run("benchmark"),
  },
  {
    id: "stateline.longRange",
    title: "Long Range Arena",
    menu: { group: "Measured on this machine", entry: { icon: "beaker", label: "Long Range Arena" } },
    run: async ({ measuring }) => (await measuring()).run("longRange"),
  },
  {
    id: "stateline.openCounts",
    title: "Open Completion Counts",
    menu: {
      group: "Measured on this machine",
      entry: { icon: "checklist", label: "Open completion counts" },
    },
    run: openCounts,
  },
  {
    id: "stateline.deleteCounts",
    title: "Delete Completion Counts",
    menu: {
      group: "Measured on this machine",
      entry: { icon: "trash", label: "Delete completion counts" },
    },
    run: deleteCounts,
  },
  {
    id: "stateline.chooseModel",
    title: "Choose Model",
    menu: { group: "Model", entry: { icon: "library", label: "Choose a model…" } },
    // The hub's library is loaded with it.
    run: async (context) => (await import("./models/choose.ts")).chooseModel(context),
  },
  {
    id: "stateline.setHubToken",
    title: "Set Hugging Face Token",
    menu: { group: "Model", entry: { icon: "key", label: "Set the Hugging Face token" } },
    run: setHubToken,
  },
  {
    id: "stateline.reread",
    title: "Read the Repository Again",
    menu: { group: "Server", entry: { icon: "book", label: "Read the repository again" } },
    run: ({ client }) => client.request(REREAD_REQUEST, null),
  },
  {
    id: "stateline.whatWasRead",
    title: "What Was Read",
    menu: { group: "Server", entry: { icon: "list-tree", label: "What was read" } },
    run: ({ readPage }) => readPage.show(),
  },
  {
    id: "stateline.setRemoteKey",
    title: "Set Remote Key",
    menu: { group: "Server", entry: { icon: "key", label: "Set the remote server's key" } },
    run: setRemoteKey,
  },
  {
    id: "stateline.restartServer",
    title: "Restart the Server",
    menu: { group: "Server", entry: { icon: "debug-restart", label: "Restart the server" } },
    run: ({ client }) => client.restart(),
  },
  {
    id: "stateline.showLog",
    title: "Show the Log",
    menu: { group: "Server", entry: { icon: "output", label: "Show the log" } },
    run: ({ log }) => log.show(),
  },
  {
    id: "stateline.openSettings",
    title: "Settings",
    menu: { group: "More", entry: { icon: "gear", label: "Settings" } },
    run: ({ extension }) => execute("workbench.action.openSettings", `@ext:${extension.extension.id}`),
  },
  {
    id: "stateline.openWalkthrough",
    title: "Walkthrough",
    menu: { group: "More", entry: { icon: "mortar-board", label: "Walkthrough" } },
    run: ({ extension }) =>
      execute("workbench.action.openWalkthrough", `${extension.extension.id}#stateline.start`, false),
  },
];

const SNOOZE_MINUTES = [5, 15, 30, 60] as const;

function execute(command: string, ...args: readonly unknown[]): Thenable<unknown> {
  return vscode.commands.executeCommand(command, ...args);
}

function activeLanguage(): string | undefined {
  return vscode.window.activeTextEditor?.document.languageId;
}

async function toggleLanguage({ settings }: Context): Promise<void> {
  const id = activeLanguage();
  if (id === undefined) {
    await vscode.window.showInformationMessage(
      "Open a file first: its language is the one switched on or off.",
    );
    return;
  }
  const { languages } = settings.now;
  const change = isLanguageEnabled(languages, id) ? withoutLanguage : withLanguage;
  await writeSetting("languages", change(languages, id));
}

/** Takes the minutes as an argument (for a key binding), else asks; while snoozed it wakes. */
async function snoozeOrWake({ snooze }: Context, argument: unknown): Promise<void> {
  if (argument === undefined && snooze.untilMs !== undefined) return await snooze.end();
  const minutes = typeof argument === "number" && argument > 0 ? argument : await askMinutes();
  if (minutes !== undefined) await snooze.start(minutes);
}

async function askMinutes(): Promise<number | undefined> {
  const items = SNOOZE_MINUTES.map((minutes) => ({ label: `$(bell-slash) ${minutes} minutes`, minutes }));
  const choice = await vscode.window.showQuickPick(items, {
    title: "Snooze inline suggestions",
    placeHolder: "How long? It is VS Code's own snooze: other extensions' suggestions rest too",
  });
  return choice?.minutes;
}
