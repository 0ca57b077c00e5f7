/// <reference lib="dom" />
// Records how a model is chosen, fetched from a stand-in of the hub, completes and is deleted, docs/images/choose-model.webp, as
// built: node test/e2e/modelWalk.ts
import { join } from "node:path";
import { Editor, launchBrowser } from "./editor.ts";
import { Film, GLANCE, READ } from "./film.ts";
import { DIALOG, NAME, startHub, TITLE } from "./modelHub.ts";
import { npmRepository, packageExtension, removeRepository } from "./packages.ts";
import { cache, installWorkbench, PERSON_SETTINGS, root, Workbench } from "./workbench.ts";

const SIZE = { width: 1100, height: 700 };

installWorkbench((line) => console.log(`· ${line}`));
await using hub = await startHub();
const repository = npmRepository("express", "5.1.0");
const workbench = await Workbench.start({
  profile: join(cache, "profile-model-walk"),
  extensions: [packageExtension()],
  settings: {
    ...PERSON_SETTINGS,
    "editor.minimap.enabled": false,
    "editor.autoClosingBrackets": "never",
    "git.enabled": false,
  },
  trust: "everything",
  env: { HF_ENDPOINT: hub.url },
});
const browser = await launchBrowser();
try {
  const editor = await Editor.open(browser, workbench.url(repository, "lib/response.js"));
  await editor.page.setViewportSize(SIZE);
  await editor.statusSays(/Ready/);
  await editor.page.keyboard.press("Control+b");
  const film = new Film(editor);
  await fetched(editor, film);
  await completed(editor, film);
  await deleted(editor, film);
  film.save(join(root, "docs", "images", "choose-model.webp"));
} finally {
  await browser.close();
  await workbench.stop();
  removeRepository(repository);
}

async function fetched(editor: Editor, film: Film): Promise<void> {
  await editor.runCommand("Stateline: Choose Model");
  const row = editor.row(TITLE);
  await row.waitFor();
  await film.frame(READ);
  await row.hover();
  await film.frame(GLANCE);
  await editor.choose(TITLE);
  const dialog = editor.page.locator(DIALOG, { hasText: `Fetch ${TITLE}?` });
  await dialog.waitFor();
  await film.frame(READ);
  await dialog.getByRole("button", { name: "Fetch", exact: true }).click();
  await editor.hoverSays(new RegExp(NAME));
  await film.frame(READ);
  await editor.statusSays(/Ready/);
}

async function completed(editor: Editor, film: Film): Promise<void> {
  await editor.openFile("lib/response.js", 251);
  await editor.page.keyboard.type("\n\nres.text = function text(body) {\n  // content-type\n  ");
  await film.type("if (!this.get('Content-Type')) {");
  await editor.page.keyboard.type("\n    this.");
  await editor.typeUntilGhost(["", "set('Content-Type', "]);
  await film.frame(READ);
  await editor.page.keyboard.press("Tab");
  await editor.ghostIsGone();
  await film.frame(GLANCE);
}

async function deleted(editor: Editor, film: Film): Promise<void> {
  await editor.runCommand("Stateline: Choose Model");
  const row = editor.row(TITLE);
  await row.hover();
  await film.frame(READ);
  await row.getByRole("button", { name: "Delete" }).click();
  const dialog = editor.page.locator(DIALOG, { hasText: `Delete ${TITLE}?` });
  await dialog.waitFor();
  await film.frame(GLANCE);
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await editor.hoverSays(/stateline 6\.8M/);
  await film.frame(READ);
}
