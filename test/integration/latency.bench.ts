/**
 * From a keystroke to its ghost text over LSP, warm, in a repository of 200,000 tokens; and the state's memory in
 * repositories of 1,000 and 200,000 tokens. Prints JSON. The pause between keystroke and question is set to 1 ms, and told apart.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type CompletionFigures, CURSOR_RESTS_NOTIFICATION } from "../../protocol/messages.ts";
import { Client, type Position } from "./client.ts";
import { program, remove, sourceFile, temporaryFolder } from "./repository.ts";

const LARGE_TOKENS = 200_000;
const TOKENS_PER_FILE = 850;
const KEYSTROKES = 300;
const JUMPS = 12;
/** How long a cursor rests at least before the first keystroke. */
const REST_MS = 500;
/** A short file: the state's size does not depend on what is in it. */
const SMALL_FILES = 1;

const storagePath = temporaryFolder();
const small = temporaryFolder(program(SMALL_FILES));
const large = temporaryFolder(program(Math.ceil(LARGE_TOKENS / TOKENS_PER_FILE)));
try {
  const results = {
    memory: [await measureMemory(small), await measureMemory(large)],
    default: await measureTyping(large, {}),
    allState: await measureTyping(large, { hybridRatio: 1 }),
  };
  process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
} finally {
  remove(storagePath, small, large);
}

async function measureMemory(root: string) {
  const startedMs = performance.now();
  const client = await startReady(root, { hybridRatio: 1 });
  const { tokensRead, tokensPerSecond, stateBytes, kvBytes, device, model } = await client.requestStatus();
  const readySeconds = round((performance.now() - startedMs) / 1000);
  await client.stop();
  return { tokensRead, tokensPerSecond, stateBytes, kvBytes, readySeconds, device, model };
}

async function measureTyping(root: string, settings: Readonly<Record<string, unknown>>) {
  const client = await startReady(root, { triggerDelayMs: 1, ...settings });
  const { tokensRead, hybridRatio, stateBytes, kvBytes } = await client.requestStatus();
  const typed = await typeFile(client, root);
  const jumped = await jumpAbout(client, root, 0);
  const rested = await jumpAbout(client, root, REST_MS);
  await client.stop();
  const decoded = typed.filter(({ figures }) => figures.tokensDecoded > 0);
  return {
    tokensRead,
    hybridRatio,
    stateBytes,
    kvBytes,
    keystrokes: typed.length,
    keystrokeToAnswerMs: percentiles(typed.map(({ ms }) => ms)),
    decodedKeystrokes: decoded.length,
    decodedKeystrokeToAnswerMs: percentiles(decoded.map(({ ms }) => ms)),
    firstLineMs: percentiles(decoded.map(({ figures }) => figures.msToFirstToken)),
    tokensAdvanced: percentiles(decoded.map(({ figures }) => figures.tokensAdvanced)),
    tokensDecoded: percentiles(decoded.map(({ figures }) => figures.tokensDecoded)),
    jumpToAnswerMs: percentiles(jumped.map(({ ms }) => ms)),
    jumpAndRestToAnswerMs: percentiles(rested.map(({ ms }) => ms)),
    jumpTokensAdvanced: percentiles(jumped.map(({ figures }) => figures.tokensAdvanced)),
  };
}

interface Sample {
  readonly ms: number;
  readonly figures: CompletionFigures;
}

/** Types a file of the repository's kind, character after character, below what is there already. */
async function typeFile(client: Client, root: string): Promise<Sample[]> {
  const uri = pathToFileURL(join(root, "src/typed.ts")).href;
  let text = `${sourceFile(7)}\n`;
  await client.open(uri, text);
  await client.complete(uri, endOf(text));
  const samples: Sample[] = [];
  for (const character of sourceFile(4711).slice(0, KEYSTROKES)) {
    const at = endOf(text);
    text += character;
    const startedMs = performance.now();
    await client.type(uri, at, character);
    await client.complete(uri, endOf(text));
    samples.push({ ms: performance.now() - startedMs, figures: await client.figures() });
  }
  return samples;
}

/** Asks at places far from each other: what a cursor that moved costs, at once or after a rest there. */
async function jumpAbout(client: Client, root: string, restMs: number): Promise<Sample[]> {
  const uri = pathToFileURL(join(root, `src/jumped${restMs}.ts`)).href;
  const text = [1, 2, 3, 4].map(sourceFile).join("\n");
  await client.open(uri, text);
  const lines = text.split("\n");
  const samples: Sample[] = [];
  for (let jump = 0; jump < JUMPS; jump++) {
    const line = Math.floor((((jump * 7) % JUMPS) * (lines.length - 1)) / JUMPS);
    const position = { line, character: lines[line]?.length ?? 0 };
    if (restMs > 0) {
      await client.connection.sendNotification(CURSOR_RESTS_NOTIFICATION.method, {
        textDocument: { uri },
        position,
      });
      await delay(restMs);
    }
    const startedMs = performance.now();
    await client.complete(uri, position);
    samples.push({ ms: performance.now() - startedMs, figures: await client.figures() });
  }
  return samples;
}

async function startReady(root: string, settings: Readonly<Record<string, unknown>>): Promise<Client> {
  const client = await Client.start({ folders: [root], storagePath, settings });
  await client.until(() => client.status?.state === "ready" || client.status?.state === "error");
  if (client.status?.state === "error")
    throw new Error(client.status.message ?? "The engine cannot be used.");
  return client;
}

function endOf(text: string): Position {
  const lines = text.split("\n");
  return { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
}

function percentiles(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), most: at(1) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
