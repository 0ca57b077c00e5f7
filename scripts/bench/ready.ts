/**
 * How long a first reading takes: held-out repositories of the corpus, as many as have so many megabytes, in one folder, read
 * through the server's own Stateline.
 *
 *   node scripts/bench/ready.ts [MEGABYTES] [THREADS]
 */
import { validateSettings } from "../../protocol/settings.ts";
import { Stateline } from "../../server/stateline.ts";
import { type CorpusFile, heldOutRepositories, SILENT, WrittenRepository } from "../eval/corpus.ts";

const [megabytes = "4", threads = "0"] = process.argv.slice(2);

using written = new WrittenRepository({ name: "large", files: filesOf(Number(megabytes) * 1e6) });
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

/** Each repository in a folder of its own. */
function filesOf(bytes: number): CorpusFile[] {
  const files: CorpusFile[] = [];
  let left = bytes;
  for (const { name, files: texts } of heldOutRepositories()) {
    for (const { path, text } of texts) files.push({ path: `${name}/${path}`, text });
    left -= texts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    if (left <= 0) return files;
  }
  return files;
}
