/** Choosing a model, as a person does it: the list, consent, fetching from a stand-in of the hub, completing, deleting. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import type { HubStandIn } from "../extension/models/hubStandIn.ts";
import { Editor } from "./editor.ts";
import { DIALOG, NAME, startHub, TITLE } from "./modelHub.ts";
import { fixtureRepository, removeRepository } from "./packages.ts";
import { cache, PERSON_SETTINGS, Workbench } from "./workbench.ts";

const PROFILE = join(cache, "profile-models");
const SHELF = join(PROFILE, "data/User/globalStorage/stateline.stateline/models");

export function modelsTests(start: () => { extension: string; browser: Browser }): void {
  describe("choosing a model", () => {
    let hub: HubStandIn;
    let workbench: Workbench;
    let repository: string;
    let editor: Editor;

    before(async () => {
      const { extension, browser } = start();
      hub = await startHub();
      repository = fixtureRepository();
      workbench = await Workbench.start({
        ...{ profile: PROFILE, extensions: [extension], settings: PERSON_SETTINGS, trust: "everything" },
        env: { HF_ENDPOINT: hub.url },
      });
      editor = await Editor.open(browser, workbench.url(repository));
      await editor.statusSays(/Ready/);
    });
    after(async () => {
      await editor?.page.close();
      await workbench?.stop();
      await hub?.[Symbol.asyncDispose]();
      if (repository) removeRepository(repository);
    });

    test("the list says what is here, what fits and how long a line takes; nobody is asked for it", async () => {
      await editor.runCommand("Stateline: Choose Model");
      await editor.row(TITLE).waitFor();
      const rows = (await editor.rows()).join("\n");
      assert.match(rows, /Embedded model.*completes now/);
      assert.match(
        rows,
        /Granite 4\.0 H 350M.*about 649\.1 MiB to fetch · Apache-2\.0.*about .* a line, modelled for the processor/,
      );
      assert.equal(hub.requests.length, 0);
      await editor.picture("choose-model");
      await editor.page.setViewportSize({ width: 300, height: 700 });
      await editor.picture("choose-model-narrow");
      await editor.page.setViewportSize({ width: 1200, height: 750 });
    });

    test("nothing is fetched before size, source and licence are agreed to", async () => {
      await editor.choose(TITLE);
      const dialog = editor.page.locator(DIALOG, { hasText: `Fetch ${TITLE}?` });
      await dialog.waitFor();
      const words = (await dialog.textContent()) ?? "";
      assert.match(words, /MiB from http:\/\/127\.0\.0\.1:\d+\/ibm-granite\/granite-4\.0-h-350m-base/);
      assert.match(words, /Licence: apache-2\.0/);
      assert.ok(!existsSync(join(SHELF, NAME)));
      await editor.picture("choose-model-consent");
      await dialog.getByRole("button", { name: "Fetch", exact: true }).click();
    });

    test("it is fetched, checked and completes", async () => {
      await editor.page.waitForFunction(() => document.querySelector(".monaco-dialog-box") === null);
      await editor.hoverSays(new RegExp(NAME));
      assert.deepEqual(readdirSync(join(SHELF, NAME)).sort(), [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
      ]);
      await editor.statusSays(/Ready/);
      await editor.openFile("src/numbers.ts");
      await editor.typeUntilGhost([
        "\nexport function divideNumbers(first: number, second: number): ",
        "number {\n  return ",
        "first ",
      ]);
    });

    test("it is deleted again, and the embedded model completes", async () => {
      await editor.runCommand("Stateline: Choose Model");
      const row = editor.row(TITLE);
      await row.waitFor();
      assert.match((await row.textContent()) ?? "", /completes now/);
      await row.hover();
      await editor.picture("choose-model-here");
      await row.getByRole("button", { name: "Delete" }).click();
      const dialog = editor.page.locator(DIALOG, { hasText: `Delete ${TITLE}?` });
      await dialog.getByRole("button", { name: "Delete", exact: true }).click();
      await editor.hoverSays(/stateline 6\.8M/);
      assert.ok(!existsSync(join(SHELF, NAME)));
    });
  });
}
