import assert from "node:assert/strict";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { CompletionsServer, stream } from "../server/fakes/completionsServer.ts";
import { Editor, launchBrowser } from "./editor.ts";
import { npmRepository, packageExtension, removeRepository } from "./packages.ts";
import { cache, installWorkbench, PERSON_SETTINGS, Workbench } from "./workbench.ts";

const KEY = "sk-very-secret-0123456789";

let server: CompletionsServer;
let browser: Browser;
let repository: string;
let workbench: Workbench;
let editor: Editor;

before(async () => {
  installWorkbench((line) => console.log(line));
  server = await CompletionsServer.start();
  browser = await launchBrowser();
  repository = npmRepository("express", "5.1.0");
  workbench = await Workbench.start({
    profile: join(cache, "profile-remote"),
    extensions: [packageExtension()],
    settings: {
      ...PERSON_SETTINGS,
      // By its name this machine is taken for another one.
      "stateline.remote": server.url.replace("127.0.0.1", hostname()),
      "stateline.remoteAllowHttp": true,
      // However sure the embedded model is, it shows a text.
      "stateline.suggestions": "eager",
    },
    trust: "everything",
  });
  editor = await Editor.open(browser, workbench.url(repository, "lib/utils.js"));
});
after(async () => {
  await browser?.close();
  await workbench?.stop();
  await server?.stop();
  if (repository) removeRepository(repository);
});

test("the status bar names the server to which text is sent", async () => {
  await editor.statusSays(new RegExp(`Ready.*sent to ${hostname()}`));
});

test("the key is asked for, and sent", async () => {
  await editor.runCommand("Stateline: Set Remote Key");
  const box = editor.page.locator(".quick-input-widget:visible input[type=password]");
  await box.waitFor();
  await box.fill(KEY);
  await editor.page.keyboard.press("Enter");
  await box.waitFor({ state: "hidden" });
  await editor.openFile("lib/utils.js");
  await editor.page.keyboard.type("\nfunction first() ");
  const { authorization } = await server.asked(1);
  assert.equal(authorization, `Bearer ${KEY}`);
});

test("what the server writes later takes the place of what is shown", async () => {
  // With the space before the cursor, which is left for the server to write.
  const written = [" zebraQuota", "(herd)", ";"];
  const held: (() => void)[] = [];
  server.answer = (response) => held.push(() => stream(response, written));
  await editor.openFile("lib/utils.js");
  const [before = ""] = await editor.typeUntilGhost([
    "\nfunction compileLimit(val) {\n  if (typeof ",
    "val ",
    "=== ",
    "'function') {\n    return (",
  ]);
  assert.ok(held.length > 0 && !before.includes("zebraQuota"), before);
  await editor.picture("remote-before");
  // One that was asked at a place before does not fit here, and another question follows.
  server.answer = (response) => stream(response, written);
  for (const answer of held) answer();
  await editor.page.waitForFunction(() =>
    [...document.querySelectorAll(".monaco-editor.focused .view-line")].some((line) =>
      line.textContent?.includes("zebraQuota"),
    ),
  );
  await editor.picture("remote-after");
  await editor.page.keyboard.press("Tab");
  await editor.ghostIsGone();
});
