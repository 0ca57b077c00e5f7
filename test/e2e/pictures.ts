// Takes the user guide's pictures, docs/images/*.png, with the extension as built: node test/e2e/pictures.ts
import { join } from "node:path";
import { Editor, launchBrowser } from "./editor.ts";
import { npmRepository, packageExtension, removeRepository } from "./packages.ts";
import { cache, installWorkbench, PERSON_SETTINGS, Workbench } from "./workbench.ts";

const IMAGES = "docs/images";

installWorkbench((line) => console.log(`· ${line}`));
const repository = npmRepository("express", "5.1.0");
const workbench = await Workbench.start({
  profile: join(cache, "profile-pictures"),
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
