import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";
import type { Context } from "../../extension/context.ts";
import { REMOTE_PROMPTS } from "../../protocol/settings.ts";
import { fake } from "./fakes/vscode.ts";

const { RemoteKeys, setRemoteKey } = await import("../../extension/remoteKey.ts");
const { LateText } = await import("../../extension/lateText.ts");

const { capabilities, contributes } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

beforeEach(() => {
  fake.executed.length = 0;
  fake.informed.length = 0;
  fake.editor = undefined;
  fake.choice = undefined;
});

test("no setting of a remote server can come from a workspace", () => {
  const settings = contributes.configuration.properties;
  for (const name of ["remote", "remoteModel", "remotePrompt", "remoteAllowHttp"]) {
    assert.equal(settings[`stateline.${name}`].scope, "machine");
    assert.ok(capabilities.untrustedWorkspaces.restrictedConfigurations.includes(`stateline.${name}`));
  }
  assert.deepEqual(settings["stateline.remotePrompt"].enum, REMOTE_PROMPTS);
});

function keysFor(remote: string) {
  const stored = new Map<string, string>();
  const secrets = {
    get: async (name: string) => stored.get(name),
    store: async (name: string, value: string) => void stored.set(name, value),
    delete: async (name: string) => void stored.delete(name),
  };
  const settings = { now: { remote } };
  const remoteKeys = new RemoteKeys(secrets as never, settings as never);
  let sent = 0;
  const client = { sendRemoteKey: async () => void sent++ };
  const context = { remoteKeys, settings, client } as unknown as Context;
  return { stored, settings, remoteKeys, context, sent: () => sent };
}

test("a key is kept for the origin that the settings name, sent at once, and deleted when left empty", async () => {
  const { stored, settings, remoteKeys, context, sent } = keysFor("https://gpu.example.com/v1");
  fake.written = " sk-1 ";
  await setRemoteKey(context);
  assert.deepEqual(await remoteKeys.now(), { origin: "https://gpu.example.com", key: "sk-1" });
  assert.equal(sent(), 1);
  settings.now.remote = "https://other.example.com/v1";
  assert.deepEqual(await remoteKeys.now(), { origin: "https://other.example.com", key: null });
  settings.now.remote = "https://gpu.example.com/team/v1";
  fake.written = "";
  await setRemoteKey(context);
  assert.equal(stored.size, 0);
  fake.written = undefined;
  await setRemoteKey(context);
  assert.equal(sent(), 2, "nothing is sent where the box was closed");
});

test("without a server there is no key to set: the setting is shown", async () => {
  const { context, remoteKeys, sent } = keysFor("");
  fake.choice = "Open Settings";
  await setRemoteKey(context);
  assert.match(fake.informed[0] ?? "", /stateline\.remote/);
  assert.deepEqual(fake.executed, [["workbench.action.openSettings", "stateline.remote"]]);
  assert.equal(sent(), 0);
  assert.equal(await remoteKeys.now(), undefined);
});

const place = { textDocument: { uri: "file:///a.ts", version: 3 }, position: { line: 1, character: 4 } };

function editorAt(line: number, character: number, version = 3, isEmpty = true, uri = "file:///a.ts") {
  return {
    document: { uri: { toString: () => uri }, version },
    selection: { active: { line, character }, isEmpty },
  };
}

test("a better text makes the editor ask again, and that is no request by key", async () => {
  const late = new LateText();
  const editor = editorAt(1, 4);
  fake.editor = editor;
  await late.ask(place);
  assert.deepEqual(fake.executed, [
    ["editor.action.inlineSuggest.hide"],
    ["editor.action.inlineSuggest.trigger"],
  ]);
  assert.equal(late.takes(editor.document as never, editor.selection.active as never), true);
  assert.equal(late.takes(editor.document as never, editor.selection.active as never), false);
});

for (const [what, editor] of [
  ["another line", editorAt(2, 4)],
  ["another column", editorAt(1, 5)],
  ["a document that was changed", editorAt(1, 4, 4)],
  ["a selection", editorAt(1, 4, 3, false)],
  ["another document", editorAt(1, 4, 3, true, "file:///b.ts")],
  ["no editor", undefined],
] as const) {
  test(`a better text is not welcome at ${what}`, async () => {
    fake.editor = editor;
    await new LateText().ask(place);
    assert.deepEqual(fake.executed, []);
  });
}

test("a request by key elsewhere stays one", async () => {
  const late = new LateText();
  fake.editor = editorAt(1, 4);
  await late.ask(place);
  const other = editorAt(1, 5);
  assert.equal(late.takes(other.document as never, other.selection.active as never), false);
});
