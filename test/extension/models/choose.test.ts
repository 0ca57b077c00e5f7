/** The list in a person's hands: what each click does, and that its failure is told. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Context } from "../../../extension/context.ts";
import { DEFAULT_SETTINGS } from "../../../protocol/settings.ts";
import { fake, type QuickPick } from "../fakes/vscode.ts";
import { HubStandIn, sendRange } from "./hubStandIn.ts";

const { chooseModel } = await import("../../../extension/models/choose.ts");

const NAME = "granite-4.0-h-350m";
const TITLE = "Granite 4.0 H 350M";
const FILES = {
  "config.json": Buffer.from("{}"),
  "model.safetensors": Buffer.alloc(100_000, "weights "),
  "tokenizer.json": Buffer.from("{}"),
};

interface Shown {
  readonly label: string;
  readonly description?: string;
  readonly choose?: () => Promise<void>;
  readonly buttons?: readonly { readonly tooltip: string; readonly run: () => Promise<void> }[];
}

/** The list is open; clicks resolve when what they began has come to its end. */
async function opened(t: TestContext, choice: string | undefined) {
  const hub = await HubStandIn.start(FILES);
  const folder = mkdtempSync(join(tmpdir(), "stateline-choose-"));
  const before = process.env.HF_ENDPOINT;
  process.env.HF_ENDPOINT = hub.url;
  t.after(async () => {
    process.env.HF_ENDPOINT = before ?? "";
    await hub[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const list of [fake.warned, fake.informed, fake.settingsWritten, fake.quickPicks]) list.length = 0;
  fake.choice = choice;
  const logged: string[] = [];
  const log = Object.fromEntries(
    ["debug", "info", "warn"].map((level) => [level, (line: string) => logged.push(line)]),
  );
  const client = { request: () => Promise.reject(new Error("The server stands still.")) };
  const settings = { now: { ...DEFAULT_SETTINGS, "models.folder": folder } };
  const extension = {
    globalState: { get: (_: string, otherwise: unknown) => otherwise },
    secrets: { get: async () => undefined },
  };
  const context = { log, client, settings, extension } as unknown as Context;
  await chooseModel(context);
  const row = (label = TITLE): Shown => {
    const items = (fake.quickPicks.at(-1) as QuickPick).items as readonly Shown[];
    const found = items.find((item) => item.label.endsWith(label));
    assert.ok(found, `${label} is not in the list.`);
    return found;
  };
  const choose = async () => await row().choose?.();
  const press = async (tooltip: string) =>
    await row()
      .buttons?.find((button) => button.tooltip === tooltip)
      ?.run();
  return { hub, folder, settings, context, logged, choose, press, row };
}

test("what is agreed to is fetched and then completes; what is not is neither", async (t) => {
  const { hub, folder, choose } = await opened(t, undefined);
  assert.equal(hub.requests.length, 0);
  await choose();
  assert.deepEqual(fake.informed, [`Fetch ${TITLE}?`]);
  assert.ok(!existsSync(join(folder, NAME)) && fake.settingsWritten.length === 0);
  fake.choice = "Fetch";
  await choose();
  assert.ok(existsSync(join(folder, NAME, "model.safetensors")));
  assert.deepEqual(fake.settingsWritten[0]?.slice(0, 2), ["model", NAME]);
  assert.deepEqual(fake.warned, []);
});

test("a click while it is being fetched says so, also one that deletes", async (t) => {
  const { hub, folder, context, choose, press } = await opened(t, "Fetch");
  const asked = new Promise<() => void>((resolve) => {
    hub.fault = ({ path, range }, response) => {
      if (!path.endsWith("/tokenizer.json")) return false;
      resolve(() => sendRange(FILES["tokenizer.json"], range, response));
      return true;
    };
  });
  const first = choose();
  const answer = await asked;
  hub.fault = () => false;
  await choose();
  await chooseModel(context);
  await press("Delete");
  assert.equal(fake.warned.length, 2);
  for (const sentence of fake.warned)
    assert.match(sentence, /^Granite 4\.0 H 350M is being fetched .* already/);
  answer();
  await first;
  assert.ok(existsSync(join(folder, NAME, "tokenizer.json")));
});

test("a folder that cannot be written is told before the hub is asked for anything", async (t) => {
  const { hub, folder, settings, choose } = await opened(t, "Fetch");
  writeFileSync(join(folder, "file"), "");
  settings.now["models.folder"] = join(folder, "file");
  await choose();
  assert.match(fake.warned[0] ?? "", /file cannot be written \(EEXIST\): .* stateline\.models\.folder\.$/);
  assert.equal(hub.requests.length, 0);
});

test("a hub that is away is told when a model is listed", async (t) => {
  const { hub, choose, logged } = await opened(t, "Fetch");
  await hub[Symbol.asyncDispose]();
  await choose();
  assert.match(fake.warned[0] ?? "", /cannot be reached \(ECONNREFUSED\)/);
  assert.ok(logged.includes(fake.warned[0] ?? ""));
});

test("a file that came damaged is told", async (t) => {
  const { hub, choose } = await opened(t, "Fetch");
  hub.sent.set("config.json", Buffer.from("[]"));
  await choose();
  assert.match(fake.warned[0] ?? "", /config\.json of .* checksum/);
});

test("a measurement that fails is told, with what failed", async (t) => {
  const { folder, context, press } = await opened(t, undefined);
  mkdirSync(join(folder, NAME));
  writeFileSync(join(folder, NAME, "config.json"), "{}");
  await chooseModel(context);
  await press("Measure here");
  assert.deepEqual(fake.warned, [`Measuring ${TITLE} failed: The server stands still.`]);
});

test("an address of the hub that is none is told when the list is opened", async (t) => {
  const { context } = await opened(t, undefined);
  process.env.HF_ENDPOINT = "hub.example.com";
  await chooseModel(context);
  assert.match(fake.warned[0] ?? "", /^HF_ENDPOINT is "hub\.example\.com", .* unset it\.$/);
});

test("a model is deleted after a word, and another completes then", async (t) => {
  const { folder, settings, context, press } = await opened(t, "Delete");
  mkdirSync(join(folder, NAME));
  writeFileSync(join(folder, NAME, "config.json"), "{}");
  settings.now.model = NAME;
  await chooseModel(context);
  await press("Delete");
  assert.deepEqual(fake.warned, [`Delete ${TITLE}?`]);
  assert.deepEqual(fake.settingsWritten[0]?.slice(0, 2), ["model", ""]);
  assert.ok(!existsSync(join(folder, NAME)));
});
