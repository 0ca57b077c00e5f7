import * as vscode from "vscode";

/**
 * VS Code's own snooze with a clock beside it, since an extension cannot ask whether it is on.
 * VS Code sends no automatic request while it snoozes, so one that arrives tells that the snooze is over.
 */
export class Snooze implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #untilMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  get untilMs(): number | undefined {
    return this.#untilMs;
  }

  async start(minutes: number): Promise<void> {
    await vscode.commands.executeCommand("editor.action.inlineSuggest.snooze", minutes);
    this.#set(Date.now() + minutes * 60_000);
  }

  async end(): Promise<void> {
    await vscode.commands.executeCommand("editor.action.inlineSuggest.cancelSnooze");
    this.#set(undefined);
  }

  noticeAutomaticRequest(): void {
    if (this.#untilMs !== undefined) this.#set(undefined);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#changed.dispose();
  }

  #set(untilMs: number | undefined): void {
    clearTimeout(this.#timer);
    this.#untilMs = untilMs;
    this.#changed.fire();
    this.#tick();
  }

  /** The status bar shows whole minutes, so it wants to hear of each. */
  #tick(): void {
    if (this.#untilMs === undefined) return;
    const leftMs = this.#untilMs - Date.now();
    if (leftMs <= 0) {
      this.#set(undefined);
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#changed.fire();
        this.#tick();
      },
      leftMs % 60_000 || 60_000,
    );
  }
}
