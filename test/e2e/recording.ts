/** What the recorded walks have in common: a workbench of their own, and a completion that is taken. */
import { join } from "node:path";
import { Editor, launchBrowser } from "./editor.ts";
import { Film, GLANCE, READ } from "./film.ts";
import { npmRepository, packageExtension, removeRepository } from "./packages.ts";
import { installWorkbench, PERSON_SETTINGS, root, Workbench } from "./workbench.ts";

const SIZE = { width: 1100, height: 700 };

export interface Recording {
  /** Of the workbench. */
  readonly profile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In docs/images. */
  readonly image: string;
  readonly walk: (editor: Editor, film: Film) => Promise<void>;
}

/** The repository is express; lib/response.js is open. */
export async function record({ profile, env = {}, image, walk }: Recording): Promise<void> {
  installWorkbench((line) => console.log(`· ${line}`));
  const repository = npmRepository("express", "5.1.0");
  const workbench = await Workbench.start({
    ...{ profile, env, extensions: [packageExtension()], trust: "everything" },
    settings: {
      ...PERSON_SETTINGS,
      "editor.minimap.enabled": false,
      "editor.autoClosingBrackets": "never",
      "git.enabled": false,
    },
  });
  const browser = await launchBrowser();
  try {
    const editor = await Editor.open(browser, workbench.url(repository, "lib/response.js"));
    await editor.page.setViewportSize(SIZE);
    const film = new Film(editor);
    await walk(editor, film);
    film.save(join(root, "docs", "images", image));
  } finally {
    await browser.close();
    await workbench.stop();
    removeRepository(repository);
  }
}

/** A function is begun, and its rest is taken. */
export async function completion(editor: Editor, film: Film): Promise<void> {
  await editor.openFile("lib/response.js", 251);
  await editor.page.keyboard.type("\n\nres.text = function text(body) {\n  // content-type\n  ");
  await film.frame(GLANCE);
  await film.type("if (!this.get('Content-Type')) {");
  await editor.page.keyboard.type("\n    this.");
  await editor.typeUntilGhost(["", "set('Content-Type', "]);
  await film.frame(READ);
  await editor.page.keyboard.press("Tab");
  await editor.ghostIsGone();
  await film.frame(GLANCE);
}
