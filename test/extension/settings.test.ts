import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { fake } from "./fakes/vscode.ts";

const { CurrentSettings } = await import("../../extension/settings.ts");
const settings = new CurrentSettings();
after(() => settings.dispose());

function write(section: unknown, affects = "stateline"): void {
  fake.settings = section;
  fake.configurationChanged.fire({ affectsConfiguration: (name) => name === affects });
}

test("settings are read when they change, and not when they are looked at", () => {
  write({ maxLines: 3 });
  const { settingsRead } = fake;
  for (let i = 0; i < 100; i++) assert.equal(settings.now.maxLines, 3);
  assert.equal(fake.settingsRead, settingsRead);
});

test("who hears of a change finds the new settings", () => {
  const seen: number[] = [];
  const listener = settings.onDidChange(() => seen.push(settings.now.maxLines));
  write({ maxLines: 5 });
  write({ maxLines: 7 }, "editor");
  listener.dispose();
  assert.deepEqual(seen, [5]);
});

test("of a wrong setting the default is in use, and a sentence says so", () => {
  write({ maxLines: "many", enabled: false });
  assert.deepEqual(settings.now, { ...DEFAULT_SETTINGS, enabled: false });
  assert.equal(settings.problems.length, 1);
  write({});
  assert.deepEqual(settings.problems, []);
});

test("package.json declares the settings of the protocol, with their defaults and a description each", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const declared = Object.entries<{ default: unknown; markdownDescription?: string }>(
    manifest.contributes.configuration.properties,
  );
  const defaults = declared.map(([name, schema]) => [name.replace(/^stateline\./, ""), schema.default]);
  assert.deepEqual(Object.fromEntries(defaults), DEFAULT_SETTINGS);
  assert.deepEqual(
    declared.filter(([, { markdownDescription }]) => !markdownDescription),
    [],
  );
});

test("the model's path is a setting that no workspace can make", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.equal(manifest.contributes.configuration.properties["stateline.modelPath"].scope, "machine");
});
