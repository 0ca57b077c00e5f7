/// <reference lib="dom" />
// Long Range Arena in front of a person, with small classifiers of random weights in the trained ones' place: they are
// quick, and what is asked here is whether what the engine answers reaches the person.
import assert from "node:assert/strict";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FrameLocator } from "playwright-core";
import type { Editor } from "./editor.ts";
import { root } from "./workbench.ts";

const MEASURE_MS = 180_000;
const CLASSIFIERS = { ssm: "diagonal", hybrid: "diagonal-hybrid", attention: "attention" };

export interface LongRangeSubject {
  readonly editor: () => Editor;
  readonly page: () => FrameLocator;
  readonly profile: string;
  readonly repository: () => string;
}

export function longRangeTests({ editor, page, profile, repository }: LongRangeSubject): void {
  test("Long Range Arena runs from the palette: its table, its charts and what others published", async () => {
    installClassifiers(profile);
    await editor().runCommand("Stateline: Long Range Arena");
    const table = page().locator("#long-range-tables table").first();
    await table.getByText("attention", { exact: true }).waitFor({ timeout: MEASURE_MS });
    await page().locator("#run-longRange:enabled").waitFor({ timeout: MEASURE_MS });
    const said = await table.innerText();
    assert.match(said, /^golden\n/);
    for (const model of ["SSM", "hybrid, ratio 0\\.5", "attention"]) {
      const row = new RegExp(
        `${model}\\s+[\\d.]+ % of 6\\s+[\\d.]+ % to [\\d.]+ %\\s+[\\d,]+\\s+([\\d.]+ m?s\\s+){3}[\\d.]+ [KM]iB`,
      );
      assert.match(said, row);
    }
    const faster = await page().locator("#long-range-tables table").nth(1).innerText();
    for (const length of ["4 k", "16 k", "32 k"]) {
      assert.match(faster, new RegExp(`golden, ${length}\\s+[\\d.]+×\\s+[\\d.]+×`));
    }
    for (const id of ["time", "memory"]) await page().locator(`#long-range-${id} svg[role=img]`).waitFor();
    await page().locator("#long-range summary").click();
    assert.match(await page().locator("#long-range details").innerText(), /S4\s+59\.6 %/);
  });

  test("its figures are exported as CSV", async () => {
    await page().getByRole("button", { name: "Save Long Range Arena as CSV" }).click();
    await editor().page.waitForFunction(() =>
      /stateline-long-range-/.test(
        document.querySelector<HTMLInputElement>(".quick-input-widget input.input")?.value ?? "",
      ),
    );
    await editor().page.keyboard.press("Enter");
    await editor().page.locator(".notification-toast", { hasText: "stateline-long-range-" }).waitFor();
    await editor().runCommand("Notifications: Clear All Notifications");
    const [path = ""] = globSync(join(repository(), "stateline-long-range-*.csv"));
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^task,model,ssmRatio,/);
    assert.equal(lines.length, 1 + 3 * 3);
  });
}

/** Of test/golden/longrange, as the task "golden", in the folder of the installed extension. */
function installClassifiers(profile: string): void {
  const [extension] = globSync(join(profile, "extensions", "stateline.stateline-*"));
  assert.ok(extension, "the extension is not installed");
  const weights = join(extension, "model", "longrange", "weights");
  rmSync(weights, { recursive: true, force: true });
  mkdirSync(join(weights, "golden"), { recursive: true });
  for (const [model, folder] of Object.entries(CLASSIFIERS)) {
    cpSync(join(root, "test/golden/longrange", folder), join(weights, `golden-${model}`), {
      recursive: true,
    });
  }
  const lengths = [300, 200, 400, 100, 500, 250];
  writeFileSync(
    join(weights, "golden", "test.json"),
    JSON.stringify({ task: "golden", lengths, labels: [0, 1, 2, 3, 4, 0] }),
  );
  const total = lengths.reduce((sum, length) => sum + length, 0);
  writeFileSync(
    join(weights, "golden", "test.bin"),
    Uint8Array.from({ length: total }, (_, i) => (i * 37) % 256),
  );
}
