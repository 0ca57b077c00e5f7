import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Idleness } from "../../server/idleness.ts";
import { machineState } from "../../server/machineState.ts";
import { FakeClock } from "./fakes/clock.ts";

const rules: readonly [
  string,
  number,
  { onBattery?: boolean; isMemoryTight?: boolean },
  number | undefined,
  RegExp,
][] = [
  ["after the minutes of the setting", 30, {}, 30, /^after 30 minutes without a key$/],
  ["sooner on battery", 30, { onBattery: true }, 5, /^after 5 minutes without a key on battery$/],
  [
    "at once, nearly, where memory is short",
    30,
    { onBattery: true, isMemoryTight: true },
    1,
    /^after a minute .* memory is short$/,
  ],
  ["no later than the setting says", 2, { onBattery: true }, 2, /^after 2 minutes without a key$/],
  ["never where the setting says so", 0, { onBattery: true, isMemoryTight: true }, undefined, /^$/],
];
for (const [name, setting, state, expected, reason] of rules) {
  test(`a model is idle ${name}`, async () => {
    const clock = new FakeClock();
    const seen: { atMinutes: number; why: string }[] = [];
    const machine = async () => ({ onBattery: false, isMemoryTight: false, ...state });
    const onIdle = (why: string) => seen.push({ atMinutes: clock.nowMs() / 60_000, why });
    const idleness = new Idleness({ clock, machine, minutes: () => setting, onIdle });
    for (let seconds = 30; seconds <= 40 * 60; seconds += 30) {
      clock.moveTo(seconds * 1000);
      await setImmediate();
    }
    assert.equal(seen[0]?.atMinutes, expected);
    assert.match(seen[0]?.why ?? "", reason);
    idleness.dispose();
  });
}

test("a key while the machine is asked keeps the model", async () => {
  const clock = new FakeClock();
  let idle = 0;
  const idleness = new Idleness({
    clock,
    machine: async () => {
      idleness.noteUse();
      return { onBattery: true, isMemoryTight: true };
    },
    minutes: () => 1,
    onIdle: () => idle++,
  });
  for (const minute of [1, 2, 3]) {
    clock.moveTo(minute * 60_000);
    await setImmediate();
  }
  assert.equal(idle, 0);
  idleness.dispose();
});

const AVERAGES = "avg10=0.00 avg60=12.50 avg300=1.00 total=1";
const machines: readonly [string, Record<string, string>, string, number, boolean, boolean][] = [
  ["a desktop", {}, "", 0.5, false, false],
  ["a laptop at work", { "BAT0/type": "Battery", "BAT0/status": "Discharging" }, "", 0.5, true, false],
  [
    "a laptop that is charged",
    { "BAT0/type": "Battery", "BAT0/status": "Charging", "AC/type": "Mains" },
    "",
    0.5,
    false,
    false,
  ],
  ["a mouse", { "m/type": "Battery", "m/status": "Discharging", "m/scope": "Device" }, "", 0.5, false, false],
  ["little free memory", {}, "", 0.05, false, true],
  [
    "processes that wait for memory",
    {},
    `some ${AVERAGES}\nfull avg10=0 avg60=0 total=0\n`,
    0.5,
    false,
    true,
  ],
  ["all of which seldom wait", {}, `some avg10=99 avg60=1.00 total=0\nfull ${AVERAGES}\n`, 0.5, false, false],
];
for (const [name, power, pressure, free, onBattery, isMemoryTight] of machines) {
  test(`what the machine has to spare: ${name}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "stateline-machine-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = { power: join(folder, "power"), pressure: join(folder, "memory"), freeShare: () => free };
    for (const [path, text] of Object.entries(power)) {
      mkdirSync(join(files.power, path, ".."), { recursive: true });
      writeFileSync(join(files.power, path), `${text}\n`);
    }
    writeFileSync(files.pressure, pressure);
    assert.deepEqual(await machineState(files), { onBattery, isMemoryTight });
  });
}

test("a machine that tells nothing has to spare", async () => {
  const files = { power: "/nowhere", pressure: "/nowhere/memory", freeShare: () => 1 };
  assert.deepEqual(await machineState(files), { onBattery: false, isMemoryTight: false });
});
