/**
 * How long a first reading takes: held-out repositories of the corpus, as many as have so many megabytes, in one folder, read
 * through the server's own Stateline.
 *
 *   node scripts/bench/ready.ts [MEGABYTES] [THREADS]
 */
import { validateSettings } from "../../protocol/settings.ts";
import { Stateline } from "../../server/stateline.ts";
import { heldOutFiles, SILENT, WrittenRepository } from "../eval/corpus.ts";

const [megabytes = "4", threads = "0"] = process.argv.slice(2);

using written = new WrittenRepository({ name: "large", files: heldOutFiles(Number(megabytes) * 1e6) });
const { settings } = validateSettings({ threads: Number(threads) });
const lines: string[] = [];
const stateline = new Stateline({
  settings,
  folders: [{ path: written.folder, exclude: [] }],
  storagePath: undefined,
  log: { ...SILENT, info: (line) => lines.push(line) },
  onStatusChanged: () => undefined,
});
await stateline.start();
const begunMs = performance.now();
await stateline.settled();
const seconds = (performance.now() - begunMs) / 1000;
const { tokensRead, tokensPerSecond, device } = stateline.status;
const log = lines.filter((line) => /^Read /.test(line));
process.stdout.write(`${JSON.stringify({ seconds, tokensRead, tokensPerSecond, device, log }, null, 1)}\n`);
stateline.dispose();
