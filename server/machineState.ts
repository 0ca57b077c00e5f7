/** What the machine has to spare, as far as its system says so without a further program. */
import { readdir, readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";

export interface MachineState {
  /** False where nobody knows, as on macOS and Windows. */
  readonly onBattery: boolean;
  readonly isMemoryTight: boolean;
}

export interface MachineFiles {
  /** Where Linux says what gives power, a folder each. */
  readonly power: string;
  /** Of the last minute, where Linux says how long processes waited for memory. */
  readonly pressure: string;
  readonly freeShare: () => number;
}

/** Of all memory. */
const TIGHT_SHARE = 0.08;
/** Of the last minute's time, in percent: some process waited for memory. */
const TIGHT_PRESSURE = 10;

const FILES: MachineFiles = {
  power: "/sys/class/power_supply",
  pressure: "/proc/pressure/memory",
  // What macOS calls free is what nothing uses for its own files, so nearly nothing ever is.
  freeShare: () => (process.platform === "darwin" ? 1 : process.availableMemory() / totalmem()),
};

export async function machineState({ power, pressure, freeShare } = FILES): Promise<MachineState> {
  const waited = /^some .*\bavg60=([\d.]+)/m.exec(await textOf(pressure))?.[1];
  const isMemoryTight = freeShare() < TIGHT_SHARE || Number(waited ?? 0) > TIGHT_PRESSURE;
  return { onBattery: await isOnBattery(power), isMemoryTight };
}

async function isOnBattery(power: string): Promise<boolean> {
  const names = await readdir(power).catch(() => []);
  const discharging = names.map(async (name) => {
    const [type, status, scope] = await Promise.all(
      ["type", "status", "scope"].map((file) => textOf(join(power, name, file))),
    );
    // A mouse has a battery, too.
    return type === "Battery" && status === "Discharging" && scope !== "Device";
  });
  return (await Promise.all(discharging)).includes(true);
}

/** Empty where there is none. */
async function textOf(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}
