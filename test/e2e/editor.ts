/// <reference lib="dom" />
// The workbench as a person sees it: a page of chromium, read and driven by what is on the screen.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { root } from "./workbench.ts";

const CHROMIUM_ARGUMENTS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
const STATUS = "#stateline\\.stateline\\.stateline\\.status";
const ROW = ".quick-input-list .monaco-list-row";
const TIMEOUT_MS = 60_000;
const GHOST_TIMEOUT_MS = 8000;
/** How often a list is opened, and how long what is wanted of it may then take. */
const LIST_OPENINGS = 6;
const LIST_MS = 4000;

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: CHROMIUM_ARGUMENTS,
  });
}

export class Editor {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open(browser: Browser, url: string): Promise<Editor> {
    const page = await browser.newPage({ viewport: { width: 1200, height: 750 }, deviceScaleFactor: 1.5 });
    page.setDefaultTimeout(TIMEOUT_MS);
    await page.addInitScript(recordStatus, STATUS);
    await page.goto(url);
    await page.locator(STATUS).waitFor();
    return new Editor(page);
  }

  /** Waits until the status bar says something that matches, e.g. /Ready/. */
  async statusSays(pattern: RegExp): Promise<void> {
    await this.page.waitForFunction(
      ([selector, source]) => new RegExp(source).test(document.querySelector(selector)?.ariaLabel ?? ""),
      [STATUS, pattern.source] as const,
    );
  }

  /** Everything that the status bar said since the page was opened. */
  statusHistory(): Promise<readonly string[]> {
    return this.page.evaluate(() => (window as unknown as { statusHistory: string[] }).statusHistory);
  }

  async hoverStatus(): Promise<string> {
    await this.page.locator(STATUS).hover();
    const hover = this.page.locator(".monaco-hover:visible", { hasText: "Settings" });
    await hover.waitFor();
    return (await hover.textContent()) ?? "";
  }

  /** Looks at the first element that matches in whichever webview has one. */
  async inWebview<Answer>(selector: string, look: (element: Element) => Answer): Promise<Answer> {
    const frame = this.page.frameLocator("iframe.webview.ready").frameLocator("#active-frame");
    return frame.locator(selector).first().evaluate(look);
  }

  /** Opens the menu; answers its entries. */
  async clickStatus(): Promise<readonly string[]> {
    await this.page.locator(STATUS).click();
    const rows = this.page.locator(ROW);
    await rows.first().waitFor();
    return rows.allTextContents();
  }

  /** Types it into the open list, of which only what is in view is in the page, and waits for the entry that has it. */
  async find(text: string): Promise<void> {
    await this.page.keyboard.type(text);
    await this.page.locator(ROW, { hasText: text }).waitFor();
  }

  /** The entry of the open list that has this text. */
  row(text: string): Locator {
    return this.page.locator(ROW, { hasText: text });
  }

  rows(): Promise<readonly string[]> {
    return this.page.locator(ROW).allTextContents();
  }

  /** Hovers over the status until its figures match: they are those of the moment at which it was opened. */
  async hoverSays(pattern: RegExp): Promise<void> {
    const endMs = Date.now() + TIMEOUT_MS;
    for (let said = ""; !pattern.test(said); said = await this.hoverStatus()) {
      if (Date.now() > endMs) throw new Error(`The status says ${JSON.stringify(said)}.`);
      await this.page.mouse.move(400, 300);
      await this.page.waitForTimeout(300);
    }
  }

  /** Clicks the entry of the open list that has this text. */
  async choose(text: string): Promise<void> {
    await this.page.locator(ROW, { hasText: text }).click();
  }

  /** By its whole title, in which nothing is special to a pattern: the palette may well put a longer one first. */
  async runCommand(title: string): Promise<void> {
    const name = this.page.locator(".label-name", { hasText: new RegExp(`^${title}$`) });
    const row = this.page.locator(ROW).filter({ has: name });
    await this.useList(async (soon) => {
      await this.page.keyboard.press("F1");
      await this.page.locator(".quick-input-widget:visible input:focus").waitFor(soon);
      await this.page.keyboard.type(title);
      await row.click(soon);
    });
  }

  /**
   * Opens a list and uses it, waiting no longer than `soon` for anything in it. That is done again where it fails: a list has
   * what there was when it was opened, and may be closed under the pointer, as by a dialog that ended a moment ago and gives
   * the focus back.
   */
  async useList(use: (soon: { readonly timeout: number }) => Promise<void>): Promise<void> {
    for (let openings = 1; ; openings++) {
      const failure = await use({ timeout: LIST_MS }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (failure === undefined) return;
      if (openings === LIST_OPENINGS) throw failure;
      await this.page.keyboard.press("Escape");
      await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    }
  }

  /** Opens a file by its path, puts the cursor at the end of line `line`, or at the end of the file. */
  async openFile(path: string, line?: number): Promise<void> {
    const name = path.split("/").at(-1) ?? path;
    await this.useList(async (soon) => {
      await this.page.keyboard.press("Control+p");
      await this.page.locator(".quick-input-widget:visible input:focus").waitFor(soon);
      await this.page.keyboard.type(path);
      await this.page.locator(`${ROW}.focused`, { hasText: name }).waitFor(soon);
      await this.page.keyboard.press("Enter");
    });
    await this.page.locator(".tab.active", { hasText: name }).waitFor();
    await this.page.locator(".editor-group-container.active .monaco-editor.focused").waitFor();
    if (line === undefined) {
      await this.page.keyboard.press("Control+End");
      return;
    }
    await this.page.keyboard.press("Control+g");
    await this.page.locator(".quick-input-widget:visible").waitFor();
    await this.page.keyboard.type(String(line));
    await this.page.keyboard.press("Enter");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    await this.page.keyboard.press("End");
  }

  /**
   * Types piece by piece until ghost text appears, since a model may well have nothing to say at one place;
   * answers the whole lines that the screen then shows: the cursor's, ghost included, and those that are all ghost.
   */
  async typeUntilGhost(
    pieces: readonly string[],
    isWanted: (ghost: string) => boolean = () => true,
  ): Promise<readonly string[]> {
    for (const piece of pieces) {
      await this.page.keyboard.type(piece);
      const lines = await this.page
        .waitForFunction(settledLinesWithGhost, undefined, { timeout: GHOST_TIMEOUT_MS })
        .then((handle) => handle.jsonValue())
        .catch(() => false as const);
      if (lines && isWanted((lines[0] ?? "").slice((await this.cursor()).column - 1))) return lines;
    }
    await this.picture("no-ghost-text", "test-results", false);
    throw new Error(`No ghost text appeared after any of ${JSON.stringify(pieces)}.`);
  }

  async ghostIsGone(): Promise<void> {
    await this.page.waitForFunction(
      () => !document.querySelector(".monaco-editor.focused [class*='ghost-text']"),
    );
  }

  /** "Ln 12, Col 3" of the status bar, both counted from 1. */
  async cursor(): Promise<{ readonly line: number; readonly column: number }> {
    const text = await this.page.locator("#status\\.editor\\.selection").textContent();
    const [, line, column] = /Ln (\d+), Col (\d+)/.exec(text ?? "") ?? [];
    return { line: Number(line), column: Number(column) };
  }

  async save(): Promise<void> {
    await this.page.keyboard.press("Control+s");
    await this.page.locator(".tab.active:not(.dirty)").waitFor();
  }

  /** A picture of what stands still, unless what moves is its subject. */
  async picture(name: string, directory = "test-results", still = true): Promise<void> {
    const path = join(root, directory, `${name}.png`);
    mkdirSync(join(root, directory), { recursive: true });
    if (still) {
      await this.page.waitForFunction(() =>
        document.getAnimations().every((one) => one.playState !== "running"),
      );
    }
    await this.page.screenshot({ path, caret: "initial" });
  }
}

// The functions below run in the page.

function recordStatus(selector: string): void {
  const history: string[] = [];
  Object.assign(window, { statusHistory: history });
  const look = (): void => {
    const label = document.querySelector(selector)?.ariaLabel;
    if (label && history.at(-1) !== label) history.push(label);
  };
  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    attributeFilter: ["aria-label"],
  });
}

/** The parts of ghost text are drawn over several frames: the lines count once half a second of frames agrees. */
function settledLinesWithGhost(): readonly string[] | false {
  const memory = window as unknown as { seen?: string; frames?: number };
  const lines = linesWithGhost();
  const seen = JSON.stringify(lines);
  memory.frames = memory.seen === seen ? (memory.frames ?? 0) + 1 : 0;
  memory.seen = seen;
  return lines && memory.frames >= 30 ? lines : false;

  /** Class names of ghost text vary with the version by what follows "ghost-text"; false while there is none. */
  function linesWithGhost(): readonly string[] | false {
    const editor = document.querySelector(".editor-group-container.active .monaco-editor.focused");
    if (!editor?.querySelector("[class*='ghost-text']")) return false;
    const cursor = editor.querySelector<HTMLElement>(".cursors-layer .cursor");
    const rows = [...editor.querySelectorAll<HTMLElement>(".view-lines .view-line")];
    const row = rows.find(({ style }) => style.top === cursor?.style.top);
    const zones = [...editor.querySelectorAll(".view-zones .view-line")];
    const below = zones.filter((line) => line.querySelector("[class*='ghost-text']"));
    return [row, ...below].map((line) => (line ? visibleText(line) : "").replaceAll("\u00a0", " "));
  }

  /** What follows the cursor moves behind ghost text of several lines; its old place is there but not seen. */
  function visibleText(line: Element): string {
    const pieces = [...line.querySelectorAll("span > span")];
    const isSeen = (piece: Element): boolean => getComputedStyle(piece).opacity !== "0";
    return pieces.map((piece) => (isSeen(piece) ? (piece.textContent ?? "") : "")).join("");
  }
}
