import * as vscode from "vscode";
import { isLanguageEnabled } from "../protocol/languages.ts";
import type { Client } from "./client.ts";
import { drawFace, type Face, figures } from "./face.ts";
import type { Meter } from "./meter.ts";
import type { CurrentSettings } from "./settings.ts";
import type { Snooze } from "./snooze.ts";

interface StatusBarParts {
  readonly client: Client;
  readonly meter: Meter;
  readonly snooze: Snooze;
  readonly settings: CurrentSettings;
}

/** One item on the right: an icon, a word, and the figures in its tooltip; a click opens the menu. */
export class StatusBar implements vscode.Disposable {
  readonly #client: Client;
  readonly #meter: Meter;
  readonly #snooze: Snooze;
  readonly #settings: CurrentSettings;
  readonly #item: vscode.StatusBarItem;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #cleanup: readonly vscode.Disposable[];

  constructor({ client, meter, snooze, settings }: StatusBarParts) {
    this.#client = client;
    this.#meter = meter;
    this.#snooze = snooze;
    this.#settings = settings;
    this.#item = vscode.window.createStatusBarItem("stateline.status", vscode.StatusBarAlignment.Right, 100);
    this.#item.name = "Stateline";
    this.#item.command = "stateline.menu";
    const draw = (): void => this.#draw();
    this.#cleanup = [
      client.onDidChange(draw),
      meter.onDidChange(draw),
      snooze.onDidChange(draw),
      settings.onDidChange(draw),
      vscode.window.onDidChangeActiveTextEditor(draw),
      this.#item,
      this.#changed,
    ];
    this.#draw();
    this.#item.show();
  }

  face(): Face {
    const settings = this.#settings.now;
    const languageId = vscode.window.activeTextEditor?.document.languageId;
    return drawFace({
      life: this.#client.life,
      enabled: settings.enabled,
      language:
        languageId === undefined
          ? undefined
          : { id: languageId, completed: isLanguageEnabled(settings.languages, languageId) },
      snoozedUntilMs: this.#snooze.untilMs,
      thinking: this.#meter.thinking,
      nowMs: Date.now(),
    });
  }

  dispose(): void {
    for (const part of this.#cleanup) part.dispose();
  }

  #draw(): void {
    const face = this.face();
    this.#item.text = face.text;
    this.#item.accessibilityInformation = { label: `Stateline: ${face.sentence}`, role: "button" };
    this.#item.backgroundColor =
      face.kind === "error"
        ? new vscode.ThemeColor("statusBarItem.errorBackground")
        : face.sendsText && new vscode.ThemeColor("statusBarItem.warningBackground");
    this.#item.tooltip = this.#tooltip(face);
    this.#changed.fire();
  }

  #tooltip(face: Face): vscode.MarkdownString {
    const tooltip = new vscode.MarkdownString(`**Stateline** · ${face.sentence}\n\n`, true);
    tooltip.isTrusted = {
      enabledCommands: ["stateline.menu", "stateline.showLog", "stateline.openSettings"],
    };
    const { life } = this.#client;
    if (life.kind === "running" && life.status !== undefined && life.status.state !== "error") {
      const rows = figures(life.status, this.#meter.figures).map(([name, value]) => `| ${name} | ${value} |`);
      if (rows.length > 0) tooltip.appendMarkdown(`| | |\n|:--|:--|\n${rows.join("\n")}\n\n`);
      if (life.status.message) tooltip.appendMarkdown(`$(warning) ${life.status.message}\n\n`);
    }
    tooltip.appendMarkdown(
      "---\n\n[Menu](command:stateline.menu) · [Settings](command:stateline.openSettings) · [Log](command:stateline.showLog)",
    );
    return tooltip;
  }
}
