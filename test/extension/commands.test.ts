import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Context } from "../../extension/context.ts";
import { PAGE_COMMANDS } from "../../protocol/dashboard.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { fake } from "./fakes/vscode.ts";

const { COMMANDS } = await import("../../extension/commands.ts");
const { itemsOf } = await import("../../extension/menu.ts");

const { contributes } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

test("package.json declares each command as its record has it, and no other", () => {
  assert.deepEqual(
    contributes.commands,
    COMMANDS.map(({ id, title }) => ({ command: id, category: "Stateline", title })),
  );
});

test("the palette offers a command only with an editor where its record says so", () => {
  const wanting = COMMANDS.filter(({ wantsEditor }) => wantsEditor);
  assert.deepEqual(
    contributes.menus.commandPalette,
    wanting.map(({ id }) => ({ command: id, when: "editorIsOpen" })),
  );
});

function menu({ enabled = true, languages = ["*"], snoozed = false }): string[] {
  const context = {
    settings: { now: { ...DEFAULT_SETTINGS, enabled, languages } },
    snooze: { untilMs: snoozed ? 1 : undefined },
  } as unknown as Context;
  return itemsOf(context, COMMANDS).map(({ label, command }) => (command ? label : `# ${label}`));
}

test("each group has one heading, and every command but the menu itself is in the menu", () => {
  fake.language = "python";
  const headings = menu({}).filter((label) => label.startsWith("# "));
  assert.equal(new Set(headings).size, headings.length);
  assert.equal(menu({}).length - headings.length, COMMANDS.length - 1);
});

for (const { name, language, situation, first } of [
  {
    name: "all on",
    language: "python",
    situation: {},
    first: [
      "$(debug-pause) Disable completions",
      "$(circle-slash) Disable for python",
      "$(bell-slash) Snooze…",
    ],
  },
  {
    name: "all off, snoozed",
    language: "python",
    situation: { enabled: false, languages: ["!python"], snoozed: true },
    first: ["$(play) Enable completions", "$(check) Enable for python", "$(bell) Wake up"],
  },
  {
    name: "no editor",
    language: undefined,
    situation: {},
    first: ["$(debug-pause) Disable completions", "$(bell-slash) Snooze…", "# At the cursor"],
  },
]) {
  test(`the menu says what a click would do: ${name}`, () => {
    fake.language = language;
    assert.deepEqual(menu(situation).slice(1, 4), first);
  });
}

test("what the dashboard's page may run are commands", () => {
  const ids = new Set<string>(COMMANDS.map(({ id }) => id));
  assert.deepEqual(
    PAGE_COMMANDS.filter((name) => !ids.has(`stateline.${name}`)),
    [],
  );
});
