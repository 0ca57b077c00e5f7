/** A film of pictures rather than a video: what stands still costs nothing. Wants img2webp (Debian's package webp). */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Editor } from "./editor.ts";
import { cache } from "./workbench.ts";

const MOST_BYTES = 1.5e6;

/** Milliseconds that a picture stays: a keystroke, something to notice, something to read. */
const KEY = 110;
export const GLANCE = 700;
export const READ = 2600;

export class Film {
  readonly #editor: Editor;
  readonly #folder = join(cache, "walk");
  readonly #frames: { readonly path: string; readonly ms: number }[] = [];

  constructor(editor: Editor) {
    this.#editor = editor;
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
  }

  async frame(ms: number): Promise<void> {
    const path = join(this.#folder, `${String(this.#frames.length).padStart(3, "0")}.png`);
    await this.#editor.page.screenshot({ path, caret: "initial", scale: "css" });
    this.#frames.push({ path, ms });
  }

  async type(text: string): Promise<void> {
    for (const character of text) {
      await this.#editor.page.keyboard.type(character);
      await this.frame(KEY);
    }
  }

  save(path: string): void {
    const frames = this.#frames.flatMap(({ path: frame, ms }) => ["-d", String(ms), frame]);
    execFileSync("img2webp", ["-loop", "0", "-mixed", "-q", "60", "-m", "6", ...frames, "-o", path]);
    const { size } = statSync(path);
    console.log(`${this.#frames.length} pictures, ${(size / 1e6).toFixed(2)} MB: ${path}`);
    if (size > MOST_BYTES)
      throw new Error(`More than ${MOST_BYTES / 1e6} MB; leave something out of the walk.`);
  }
}
