import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { MeasuringParts } from "../../extension/measure/measuring.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { EventEmitter, fake, Panel } from "./fakes/vscode.ts";

const { Dashboard } = await import("../../extension/measure/dashboard.ts");
const { dashboardPage } = await import("../../extension/measure/dashboardPage.ts");

const changed = new EventEmitter<void>();
let ran: string[] = [];

function dashboard() {
  fake.panels = [];
  const parts = {
    extension: { extensionUri: "extension:" },
    client: { onDidChange: changed.event, life: { kind: "starting" } },
    meter: { onDidChange: changed.event },
    settings: { onDidChange: changed.event, now: DEFAULT_SETTINGS },
    log: { error: () => undefined },
  } as unknown as MeasuringParts;
  return new Dashboard({
    ...parts,
    run: async (what) => void ran.push(`run ${what}`),
    cancel: (what) => void ran.push(`cancel ${what}`),
  });
}

/** All that a page's message leads to is done. */
async function from(panel: Panel, message: unknown): Promise<void> {
  panel.received.fire(message);
  await new Promise(setImmediate);
}

beforeEach(() => {
  ran = [];
  fake.executed = [];
  fake.errors = [];
});

test("closing one of two dashboards leaves the other, and shows it when asked", async () => {
  const shown = dashboard();
  shown.show();
  const [first] = fake.panels;
  assert.ok(first);
  const second = new Panel();
  shown.adopt(second as never);
  first.dispose();
  shown.tell({ kind: "ended", of: "ratios" });
  assert.equal(second.posted.length, 1);
  assert.equal(first.posted.length, 0);
  shown.show();
  assert.equal(second.revealed, 1);
  second.dispose();
  shown.show();
  assert.equal(fake.panels.length, 2, "with none left a new one is made");
});

test("a page that is ready hears what was kept; the other pages have it already", async () => {
  const shown = dashboard();
  shown.show();
  shown.tell({ kind: "progress", of: "ratios", share: 0, message: "" });
  const second = new Panel();
  shown.adopt(second as never);
  await from(second, { kind: "ready" });
  const progress = ({ posted }: Panel) =>
    posted.filter((message) => (message as { kind: string }).kind === "progress").length;
  assert.deepEqual(fake.panels.map(progress), [1]);
  assert.equal(progress(second), 1);
});

for (const { message, executed = [], measured = [], problem } of [
  { message: { kind: "command", command: "showLog" }, executed: [["stateline.showLog"]] },
  { message: { kind: "command", command: "longRange" }, problem: /may not run the command longRange/ },
  { message: { kind: "command", command: "../workbench" }, problem: /may not run/ },
  { message: { kind: "run", what: "ratios" }, measured: ["run ratios"] },
  { message: { kind: "run", what: "constructor" }, problem: /no measurement constructor/ },
  { message: { kind: "cancel", what: "benchmark" }, measured: ["cancel benchmark"] },
]) {
  test(`a page that says ${JSON.stringify(message)} ${problem ? "is refused" : "is heard"}`, async () => {
    const shown = dashboard();
    shown.show();
    await from(fake.panels[0]!, message);
    assert.deepEqual(fake.executed, executed);
    assert.deepEqual(ran, measured);
    assert.equal(fake.errors.length, problem ? 1 : 0);
    if (problem) assert.match(fake.errors[0]!, problem);
  });
}

test("the page may load its own script and style, send no form and take no other base", () => {
  const html = dashboardPage((name) => `uri:${name}`);
  const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
  const rules = new Map(policy.split("; ").map((rule) => [rule.split(" ")[0], rule]));
  for (const name of ["default-src", "base-uri", "form-action"])
    assert.equal(rules.get(name), `${name} 'none'`);
  const [, nonce = ""] = /'nonce-([^']+)'/.exec(rules.get("script-src") ?? "") ?? [];
  assert.ok(nonce.length >= 24 && html.includes(`<script nonce="${nonce}" src="uri:page.js">`));
  assert.notEqual(
    html,
    dashboardPage((name) => `uri:${name}`),
  );
});

test("the counts of all days are asked for when something was counted, not at each look at the server", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const asked: string[] = [];
  const figures = { counts: { shown: 1, accepted: 0, characters: 0 } };
  const parts = {
    extension: { extensionUri: "extension:" },
    client: {
      onDidChange: changed.event,
      life: { kind: "running" },
      request: async ({ method }: { readonly method: string }) => {
        asked.push(method);
        return {};
      },
    },
    meter: { onDidChange: changed.event, figures },
    settings: { onDidChange: changed.event, now: DEFAULT_SETTINGS },
    log: { error: () => undefined },
  } as unknown as MeasuringParts;
  const shown = new Dashboard({ ...parts, run: async () => undefined, cancel: () => undefined });
  const panel = new Panel();
  shown.adopt(panel as never);
  const look = async () => {
    changed.fire();
    mock.timers.tick(400);
    await new Promise(setImmediate);
  };
  const timesAsked = () => asked.filter((method) => method === "stateline/counts").length;
  await from(panel, { kind: "ready" });
  await look();
  assert.deepEqual([timesAsked(), asked.filter((method) => method === "stateline/dashboard").length], [1, 2]);
  figures.counts = { shown: 2, accepted: 0, characters: 0 };
  await look();
  assert.equal(timesAsked(), 2);
  await from(panel, { kind: "ready" });
  assert.equal(timesAsked(), 3, "a page that begins anew knows nothing");
  shown.dispose();
  mock.timers.reset();
});
