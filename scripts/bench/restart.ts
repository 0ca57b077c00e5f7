/**
 * How soon a restarted server completes: a repository is read and its state saved by one process, then another one starts, with
 * the state on disk. It is asked at once, and again when the model is loaded. Times are from the process's beginning.
 *
 *   node scripts/bench/restart.ts MODEL [MEGABYTES] [THREADS]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { validateSettings } from "../../protocol/settings.ts";
import type { CompletionRequest } from "../../server/completion/request.ts";
import { languageIdOf } from "../../server/languageIds.ts";
import { Stateline } from "../../server/stateline.ts";
import { heldOutFiles, SILENT, WrittenRepository } from "../eval/corpus.ts";

const [model = "", megabytes = "1", threads = "0", folder, storagePath] = process.argv.slice(2);

if (folder && storagePath) await serve(folder, storagePath);
else compare();

function compare(): void {
  using written = new WrittenRepository({ name: "large", files: heldOutFiles(Number(megabytes) * 1e6) });
  const storage = mkdtempSync(join(tmpdir(), "stateline-restart-"));
  try {
    const run = () => {
      const script = fileURLToPath(import.meta.url);
      const args = [script, model, megabytes, threads, written.folder, storage];
      return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as object;
    };
    process.stdout.write(`${JSON.stringify({ first: run(), again: run() }, null, 1)}\n`);
  } finally {
    rmSync(storage, { recursive: true, force: true });
  }
}

async function serve(path: string, storagePath: string): Promise<void> {
  const { settings } = validateSettings({ model, threads: Number(threads) });
  const lines: string[] = [];
  const better: number[] = [];
  const stateline = new Stateline({
    settings,
    folders: [{ path, exclude: [] }],
    storagePath,
    packedPath: join(storagePath, "packed"),
    log: { ...SILENT, info: (line) => lines.push(`${seconds()} s: ${line}`) },
    onStatusChanged: () => undefined,
    onBetter: () => better.push(seconds()),
  });
  const loading = stateline.start().then(seconds);
  const first = await ask(stateline, requestIn(path, 0.25));
  const loaded = await loading;
  const second = await ask(stateline, requestIn(path, 0.5));
  await stateline.settled();
  const settled = seconds();
  const figures = { first, loaded, second, better, settled, device: stateline.status.device };
  process.stdout.write(JSON.stringify({ ...figures, log: lines }));
  stateline.dispose();
}

async function ask(stateline: Stateline, request: CompletionRequest) {
  const [answer] = await stateline.complete(request);
  const { tokensAdvanced, contextTokens } = stateline.lastCompletion ?? {};
  const at = { seconds: seconds(), cpuSeconds: cpuSeconds() };
  return { ...at, text: answer?.insertText, tokensAdvanced, contextTokens };
}

/** In a line about there in a file. */
function requestIn(folder: string, share: number): CompletionRequest {
  const [{ path: relativePath } = { path: "" }] = heldOutFiles(1);
  const path = join(folder, relativePath);
  const text = readFileSync(path, "utf8");
  const offset = text.indexOf(" ", text.search(/\S/) + share * text.length) + 1;
  const document = {
    uri: pathToFileURL(path).href,
    relativePath,
    languageId: languageIdOf(relativePath),
    text,
  };
  return { document, offset, manual: true, others: [] };
}

function seconds(): number {
  return Math.round(performance.now()) / 1000;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1000) / 1000;
}
