import * as vscode from "vscode";
import type { CommandFactory } from "../context.ts";

const CHOICES_MINUTES = [5, 15, 30, 60] as const;

/** Takes the minutes as an argument (for a key binding), else asks; while snoozed it wakes. */
export const snooze: CommandFactory =
  ({ snooze }) =>
  async (argument) => {
    if (argument === undefined && snooze.untilMs !== undefined) return snooze.end();
    const minutes = typeof argument === "number" && argument > 0 ? argument : await askMinutes();
    if (minutes !== undefined) await snooze.start(minutes);
  };

async function askMinutes(): Promise<number | undefined> {
  const items = CHOICES_MINUTES.map((minutes) => ({ label: `$(bell-slash) ${minutes} minutes`, minutes }));
  const choice = await vscode.window.showQuickPick(items, {
    title: "Snooze inline suggestions",
    placeHolder: "How long? It is VS Code's own snooze: other extensions' suggestions rest too",
  });
  return choice?.minutes;
}
