import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser } from "playwright-core";
import { dashboardTests } from "./dashboard.ts";
import { Editor, launchBrowser } from "./editor.ts";
import { modelsTests } from "./models.ts";
import {
  bundleSuite,
  fixtureRepository,
  npmRepository,
  packageExtension,
  packageSuiteRunner,
  readText,
  removeRepository,
} from "./packages.ts";
import { resultsOf } from "./results.ts";
import { cache, installWorkbench, PERSON_SETTINGS, TAB_SIZE, Workbench } from "./workbench.ts";

const SUITE_MS = 240_000;

let extension: string;
let browser: Browser;

before(async () => {
  installWorkbench((line) => console.log(line));
  extension = packageExtension();
  browser = await launchBrowser();
});
after(() => browser?.close());

test("in the extension host", async (context) => {
  const repository = fixtureRepository();
  const results = join(cache, "results.jsonl");
  rmSync(results, { force: true });
  const workbench = await Workbench.start({
    profile: join(cache, "profile-suite"),
    extensions: [extension, packageSuiteRunner(await bundleSuite())],
    settings: {},
    env: { STATELINE_E2E_RESULTS: results },
    trust: "everything",
  });
  context.after(async () => {
    await workbench.stop();
    removeRepository(repository);
  });
  const editor = await Editor.open(browser, workbench.url(repository));
  for (const result of await resultsOf(results, SUITE_MS)) {
    await context.test(result.title, () => {
      if (result.error !== undefined) throw new Error(result.error);
    });
  }
  await editor.page.close();
});

describe("in front of a person", () => {
  let repository: string;
  let workbench: Workbench;
  let editor: Editor;

  before(async () => {
    repository = npmRepository("express", "5.1.0");
    workbench = await Workbench.start({
      profile: join(cache, "profile-person"),
      extensions: [extension],
      settings: PERSON_SETTINGS,
      trust: "everything",
    });
    editor = await Editor.open(browser, workbench.url(repository, "lib/response.js"));
  });
  after(async () => {
    await workbench?.stop();
    if (repository) removeRepository(repository);
  });

  test("the status bar tells of loading, reading and readiness", async () => {
    await editor.statusSays(/Ready: [\d,]+ tokens/);
    const history = (await editor.statusHistory()).join("\n");
    assert.match(history, /loading|Reading the repository: \d+ %/);
  });

  const places = [
    {
      name: "a new function",
      file: "lib/utils.js",
      line: undefined,
      pieces: ["\nfunction compileLimit(val) {\n  if (typeof ", "val ", "=== ", "'function') {\n    return "],
    },
    {
      name: "a function's middle",
      file: "lib/request.js",
      line: 73,
      pieces: ["\n  if (typeof ", "lc ", "!== ", "'string') {\n    throw ", "new TypeError("],
    },
    {
      name: "a new method",
      file: "lib/response.js",
      line: 74,
      pieces: [
        "\n\nres.statusText = function ",
        "statusText(",
        "code) {\n  if (",
        "!Number.",
        "isInteger(code)) {\n    throw ",
      ],
    },
  ] as const;
  for (const { name, file, line, pieces } of places) {
    test(`ghost text in ${name}, and Tab makes the document what was shown`, async () => {
      await editor.openFile(file, line);
      const shown = await editor.typeUntilGhost(pieces);
      const first = (await editor.cursor()).line;
      await editor.picture(`ghost-text-${basename(file, ".js")}`);
      await editor.page.keyboard.press("Tab");
      await editor.ghostIsGone();
      await editor.save();
      const written = readText(repository, file)
        .split("\n")
        .slice(first - 1, first - 1 + shown.length);
      assert.deepEqual(written.map(asShown), shown.map(asShown));
    });
  }

  test("accepting a word takes the beginning of what was shown", async () => {
    await editor.openFile("lib/application.js");
    const pieces = [
      "\napp.listenLater = function listenLater() {\n  var server = ",
      "http.",
      "createServer(",
      "this)\n  var args = ",
      "Array.",
      "prototype.",
      "slice.call(arguments)\n  return ",
      "server.",
    ];
    const hasSeveralWords = (ghost: string) => /\w\W+\w/.test(ghost);
    const [shown] = await editor.typeUntilGhost(pieces, hasSeveralWords);
    const before = await editor.cursor();
    await editor.page.keyboard.press("Control+ArrowRight");
    await editor.page.keyboard.press("Escape");
    await editor.ghostIsGone();
    await editor.save();
    const after = await editor.cursor();
    assert.deepEqual(after.line, before.line);
    assert.ok(after.column > before.column, "nothing was taken");
    const written = readText(repository, "lib/application.js").split("\n")[after.line - 1] ?? "";
    const taken = asShown(written).slice(0, after.column - 1);
    assert.ok(shown?.startsWith(taken), `${taken} does not begin ${shown}`);
  });

  test("the tooltip has the figures", async () => {
    const tooltip = await editor.hoverStatus();
    for (const name of [
      "tokens in the index",
      "State",
      "Memory",
      "tokens/s",
      "Hybrid ratio",
      "Device",
      "Model",
    ]) {
      assert.ok(tooltip.includes(name), `${name} is missing in:\n${tooltip}`);
    }
    await editor.picture("status-bar-tooltip");
  });

  test("a click on the status bar opens the menu", async () => {
    const rows = (await editor.clickStatus()).join("\n");
    for (const entry of ["Disable completions", "Disable for javascript", "Snooze", "Choose a model"]) {
      assert.ok(rows.includes(entry), `${entry} is missing in:\n${rows}`);
    }
    await editor.picture("status-bar-menu");
    // Further down than is in view.
    await editor.find("Read the repository again");
    await editor.page.keyboard.press("Escape");
  });

  test("a snooze from the menu shows in the status bar, and the menu wakes up again", async () => {
    await editor.clickStatus();
    await editor.choose("Snooze");
    await editor.choose("15 minutes");
    await editor.statusSays(/Snoozed for 15 min/);
    await editor.picture("status-bar-snoozed");
    await editor.clickStatus();
    await editor.choose("Wake up");
    await editor.statusSays(/Ready/);
  });

  test("off is seen in the status bar, and on again", async () => {
    await editor.runCommand("Stateline: Enable or Disable Completions");
    await editor.statusSays(/Completions are off/);
    await editor.picture("status-bar-off");
    await editor.runCommand("Stateline: Enable or Disable Completions");
    await editor.statusSays(/Ready/);
  });

  test("the walkthrough opens with its picture in the theme's colours", async () => {
    await editor.page.setViewportSize({ width: 1400, height: 760 });
    await editor.page.keyboard.press("Control+b");
    await editor.runCommand("Stateline: Walkthrough");
    const page = editor.page.locator(".gettingStartedContainer", { hasText: "All files in an index" });
    await page.waitFor();
    // VS Code refuses style sheets in these pictures, so colours have to be attributes.
    const fill = await editor.inWebview("svg text", (text) => getComputedStyle(text).fill);
    assert.notEqual(fill, "rgb(0, 0, 0)");
    await editor.picture("walkthrough");
  });

  test("no message has troubled the person", async () => {
    assert.deepEqual(await editor.page.locator(".notification-toast").allTextContents(), []);
  });

  dashboardTests({
    editor: () => editor,
    profile: join(cache, "profile-person"),
    repository: () => repository,
  });
});

/** A line as the screen has it: tabs reach the next stop, and blanks at the end are not seen. */
function asShown(line: string): string {
  let shown = "";
  for (const character of line) {
    shown += character === "\t" ? " ".repeat(TAB_SIZE - (shown.length % TAB_SIZE)) : character;
  }
  return shown.trimEnd();
}

modelsTests(() => ({ extension, browser }));

test("a workspace names its device once it is trusted, and the model never", async (context) => {
  const editor = await freshEditor(context, {
    workspace: { "stateline.device": "cuda:9", "stateline.modelPath": "/nowhere/at/all" },
    trust: "ask",
  });
  await editor.statusSays(/Ready/);
  await editor.runCommand("Workspaces: Manage Workspace Trust");
  await editor.page.getByRole("button", { name: "Trust", exact: true }).click();
  await editor.page.locator(".notification-toast", { hasText: "CUDA" }).waitFor();
  await editor.statusSays(/Ready/);
  assert.doesNotMatch((await editor.statusHistory()).join("\n"), /nowhere/);
});

test("a person's model that is not there is told in the status bar", async (context) => {
  const editor = await freshEditor(context, { person: { "stateline.modelPath": "/nowhere/at/all" } });
  await editor.statusSays(/nowhere/);
  const message = editor.page.locator(".notification-toast");
  await message.waitFor();
  await editor.page.keyboard.press("Escape");
  await message.waitFor({ state: "hidden" });
  assert.match(await editor.hoverStatus(), /nowhere/);
  await editor.picture("status-bar-error");
});

/** A repository in a workbench of its own, with settings of the workspace and of the person. */
async function freshEditor(
  context: TestContext,
  options: { workspace?: Record<string, unknown>; person?: Record<string, unknown>; trust?: "ask" },
): Promise<Editor> {
  const repository = fixtureRepository(options.workspace);
  const workbench = await Workbench.start({
    profile: join(cache, "profile-fresh"),
    extensions: [extension],
    settings: {
      ...PERSON_SETTINGS,
      "security.workspace.trust.startupPrompt": "never",
      ...options.person,
    },
    trust: options.trust ?? "everything",
  });
  context.after(async () => {
    await workbench.stop();
    removeRepository(repository);
  });
  const editor = await Editor.open(browser, workbench.url(repository));
  context.after(() => editor.page.close());
  return editor;
}
