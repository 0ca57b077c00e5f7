/// <reference lib="dom" />
// Records how a model is chosen, fetched from a stand-in of the hub, completes and is deleted, docs/images/choose-model.webp, as
// built: node test/e2e/modelWalk.ts
import { join } from "node:path";
import type { Editor } from "./editor.ts";
import { type Film, GLANCE, READ } from "./film.ts";
import { DIALOG, NAME, startHub, TITLE } from "./modelHub.ts";
import { completion, record } from "./recording.ts";
import { cache } from "./workbench.ts";

await using hub = await startHub();
await record({
  profile: join(cache, "profile-model-walk"),
  env: { HF_ENDPOINT: hub.url },
  image: "choose-model.webp",
  walk: async (editor, film) => {
    await editor.statusSays(/Ready/);
    await editor.page.keyboard.press("Control+b");
    await fetched(editor, film);
    await completion(editor, film);
    await deleted(editor, film);
  },
});

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
