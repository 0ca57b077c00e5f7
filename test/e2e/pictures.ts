// Takes the user guide's pictures, docs/images/*.png, with the extension as built: node test/e2e/pictures.ts
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pageOf, saveRun } from "./dashboard.ts";
import { Editor, launchBrowser } from "./editor.ts";
import { saveExampleCounts } from "./exampleCounts.ts";
import { npmRepository, packageExtension, removeRepository } from "./packages.ts";
import { cache, installWorkbench, PERSON_SETTINGS, root, Workbench } from "./workbench.ts";

const IMAGES = "docs/images";
const LONGEST_MEASUREMENT_MS = 900_000;

installWorkbench((line) => console.log(`· ${line}`));
const repository = npmRepository("express", "5.1.0");
const profile = join(cache, "profile-pictures");
const workbench = await Workbench.start({
  profile,
  extensions: [packageExtension()],
  settings: { ...PERSON_SETTINGS, "editor.minimap.enabled": false, "git.enabled": false },
  trust: "everything",
});
const browser = await launchBrowser();
const editor = await Editor.open(browser, workbench.url(repository, "lib/response.js"));
try {
  await editor.statusSays(/Reading the repository: [3-8]\d %/);
  await editor.picture("status-bar-reading", IMAGES, false);
  await editor.statusSays(/Ready/);

  await editor.openFile("lib/response.js", 251);
  await editor.hoverStatus();
  await editor.picture("status-bar-tooltip", IMAGES);
  await editor.clickStatus();
  await editor.picture("status-bar-menu", IMAGES);
  await editor.page.keyboard.press("Escape");

  await editor.openFile("lib/response.js", 251);
  const pieces = [
    "\n\nres.text = function text(body) {\n  // content-type\n  if (!this.get('Content-Type')) {\n    this.",
    "set('Content-Type', ",
  ];
  console.log((await editor.typeUntilGhost(pieces)).join("\n"));
  await editor.picture("ghost-text", IMAGES);

  await dashboardPictures();

  await editor.page.keyboard.press("Control+b");
  await editor.runCommand("Stateline: Walkthrough");
  await editor.page.setViewportSize({ width: 1400, height: 760 });
  await editor.inWebview("svg text", () => undefined);
  await editor.picture("walkthrough", IMAGES);
} finally {
  await browser.close();
  await workbench.stop();
  removeRepository(repository);
}

/** The charts are those of docs/benchmarks/attention.json, the counts of one picture made up; the ratios are measured here. */
async function dashboardPictures(): Promise<void> {
  const recorded = readFileSync(join(root, "docs", "benchmarks", "attention.json"), "utf8");
  saveRun(profile, JSON.parse(recorded).results);
  await editor.page.setViewportSize({ width: 1280, height: 1000 });
  await editor.page.keyboard.press("Control+b");
  await editor.runCommand("Stateline: Dashboard");
  const page = pageOf(editor);
  await page.locator("#benchmark-memory svg").waitFor();
  await editor.picture("dashboard", IMAGES);
  const picture = (selector: string, name: string) =>
    page.locator(selector).screenshot({ path: join(root, IMAGES, `${name}.png`) });
  await picture("#benchmark", "benchmark-charts");
  saveExampleCounts(profile);
  await editor.runCommand("Developer: Reload Webviews");
  await page.locator("#completions", { hasText: "typescript" }).waitFor();
  await picture("#completions", "completions");
  await page.getByRole("button", { name: "Find the Best Ratio" }).click();
  await page.locator("#advice", { hasText: "bits a byte" }).waitFor({ timeout: LONGEST_MEASUREMENT_MS });
  await editor.runCommand("Notifications: Clear All Notifications");
  await picture("#hybrid-ratio", "best-ratio");
  await page.getByRole("button", { name: "Run Long Range Arena" }).click();
  // The button is enabled until the run begins, too.
  await page.locator("#long-range-task").waitFor({ timeout: LONGEST_MEASUREMENT_MS });
  await page.locator("#run-longRange:enabled").waitFor({ timeout: LONGEST_MEASUREMENT_MS });
  await page.locator("#long-range-task").selectOption("text");
  // As tall as the section: what lies outside the window would be missing from its picture.
  await editor.page.setViewportSize({ width: 1280, height: 2400 });
  await editor.page.waitForFunction(
    () => (document.querySelector("iframe.webview.ready")?.clientHeight ?? 0) > 2000,
  );
  await picture("#long-range", "long-range");
  await editor.page.setViewportSize({ width: 1280, height: 1000 });
  await editor.runCommand("View: Close Editor");
  await editor.page.keyboard.press("Control+b");
}
