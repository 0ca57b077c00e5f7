#!/usr/bin/env node
/** Stateline in a terminal: reads a repository, then completes at a place or what is typed. The same road as in an editor. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { parseArgs, styleText } from "node:util";
import type { CompletionFigures } from "../../protocol/messages.ts";
import { validateSettings } from "../../protocol/settings.ts";
import { layersInWords } from "../../protocol/words.ts";
import type { CompletionAnswer, OpenDocument } from "../completion/request.ts";
import { languageIdOf } from "../languageIds.ts";
import { type Log, reasonOf } from "../log.ts";
import { pathInside } from "../repository/filePolicy.ts";
import type { LiveDocument } from "../repository/liveTexts.ts";
import { realPathSync } from "../repository/realPath.ts";
import { defaultCacheFolder } from "../repository/stateStore.ts";
import { Stateline } from "../stateline.ts";
import { besideIt } from "./besideIt.ts";
import { findPlace, type Place } from "./position.ts";
import { ProgressBar } from "./progressBar.ts";

const HELP = `Reads a repository as the server of an editor does, and completes code from it.

Usage: complete [options] [repository]
  --at FILE:LINE:COLUMN   complete there (counted from 1), with the rest of the line hidden and shown beside the answer, and
                          end; without it: type code, see its completion
  --ratio R               hybrid ratio, 0 (all attention) to 1 (all state)
  --window N              attention window in tokens, 0 = unbounded
  --threads N             0 = physical cores, at most 4
  --lines N               most lines of a completion
  --model PATH            another model than the embedded one: a folder or a .gguf file
  --no-cache              read everything anew and keep nothing on disk
  --verbose               also show what is skipped
  --help
`;

const RESTORED =
  "The state comes from an earlier run, which may have read this line; the index has not. --no-cache reads without it.";

/** The arguments make no sense; the message is one sentence. */
class UsageError extends Error {
  override name = "UsageError";
}

const OPTIONS = {
  at: { type: "string" },
  ratio: { type: "string" },
  window: { type: "string" },
  threads: { type: "string" },
  lines: { type: "string" },
  model: { type: "string" },
  "no-cache": { type: "boolean" },
  verbose: { type: "boolean" },
  help: { type: "boolean" },
} as const;

main(process.argv.slice(2)).catch((cause: unknown) => {
  process.stderr.write(`${reasonOf(cause)}\n`);
  process.exitCode = 2;
});

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help) return void process.stdout.write(HELP);
  if (positionals.length > 1) throw new UsageError("Name one repository at most; --help says more.");
  const root = realPathSync(resolve(positionals[0] ?? "."));
  if (!(await stat(root).catch(() => undefined))?.isDirectory())
    throw new UsageError(`There is no folder ${root}.`);
  const place = values.at === undefined ? undefined : await findPlace(values.at);
  const stateline = await start(root, values, place && documentAt(root, place, place.lineStart));
  try {
    if (place) await completeAt(stateline, root, place);
    else await converse(stateline);
    await stateline.flush();
  } finally {
    stateline.dispose();
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS });
  } catch (cause) {
    throw new UsageError(`${reasonOf(cause).split(". ", 1)[0]}; --help says more.`, { cause });
  }
}

type Values = ReturnType<typeof parse>["values"];

async function start(root: string, values: Values, document?: LiveDocument): Promise<Stateline> {
  const numeric = (value: string | undefined) => (value === undefined ? undefined : Number(value));
  const { settings, problems } = validateSettings({
    hybridRatio: numeric(values.ratio),
    attentionWindow: numeric(values.window),
    threads: numeric(values.threads),
    maxLines: numeric(values.lines),
    modelPath: values.model,
  });
  if (problems[0]) throw new UsageError(problems[0]);
  const bar = new ProgressBar(process.stderr);
  const stateline: Stateline = new Stateline({
    settings,
    folders: [{ path: root, exclude: [] }],
    storagePath: values["no-cache"] ? undefined : defaultCacheFolder(),
    packedPath: values["no-cache"] ? undefined : join(defaultCacheFolder(), "packed"),
    log: terminalLog(values.verbose === true),
    answersAlone: true,
    onStatusChanged: () => bar.show(stateline.status),
    openDocuments: () => (document ? [document] : []),
  });
  await stateline.start();
  await stateline.settled();
  bar.end();
  const { state, message } = stateline.status;
  if (state === "error") throw new Error(message ?? "The engine cannot be used.");
  return stateline;
}

function terminalLog(verbose: boolean): Log {
  const write = (line: string) => void process.stderr.write(`${line}\n`);
  const silent = () => undefined;
  return { debug: silent, info: verbose ? write : silent, warn: verbose ? write : silent };
}

type OpenFile = OpenDocument & { readonly path: string };

/** The file as if it were open and its line written only so far: so it is read, and recalled. */
function documentAt(root: string, { path, text, lineEnd }: Place, written: number): OpenFile {
  const whole = realPathSync(resolve(path));
  const hidden = text.slice(0, written) + text.slice(lineEnd);
  return { ...documentOf(pathInside(root, whole) ?? path, hidden), path: whole };
}

async function completeAt(stateline: Stateline, root: string, place: Place): Promise<void> {
  const { text, offset, lineStart, lineEnd } = place;
  const document = documentAt(root, place, offset);
  // Only now: the state does not read a line that is being written.
  stateline.noteDocument(document);
  await stateline.settled();
  const [answer] = await stateline.complete({ document, offset, manual: true, others: [] });
  const before = text.slice(lineStart, offset);
  const line = { before, offered: answer?.insertText, rest: text.slice(offset, lineEnd) };
  process.stdout.write(`${besideIt(line)}\n${figuresLine(stateline)}\n`);
  if (stateline.wasRestored) process.stdout.write(`${styleText("dim", RESTORED)}\n`);
}

async function converse(stateline: Stateline): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  process.stdout.write(
    `${sizes(stateline)}\nType code; \\n is a line break; an empty line begins anew; Ctrl-D ends.\n`,
  );
  let before = "";
  let ended = false;
  terminal.once("close", () => {
    ended = true;
  });
  terminal.prompt();
  for await (const line of terminal) {
    before = line === "" ? "" : before + line.replaceAll("\\n", "\n");
    if (line !== "") {
      const document = documentOf("scratch.ts", before);
      const [answer] = await stateline.complete({
        document,
        offset: before.length,
        manual: true,
        others: [],
      });
      process.stdout.write(`${shown(before, answer)}\n${figuresLine(stateline)}\n`);
      before += answer?.insertText ?? "";
    }
    if (!ended) terminal.prompt();
  }
}

function documentOf(relativePath: string, text: string): OpenDocument {
  const languageId = languageIdOf(relativePath);
  return { uri: `file:///${relativePath}`, relativePath, languageId, text };
}

function shown(before: string, answer: CompletionAnswer | undefined): string {
  if (!answer) return `${before}${styleText("dim", " (no completion)")}`;
  return `${before}${process.stdout.isTTY ? styleText("green", answer.insertText) : answer.insertText}`;
}

function sizes(stateline: Stateline): string {
  const { tokensRead, tokensPerSecond, stateBytes, kvBytes, hybridRatio, layers, device, model } =
    stateline.status;
  const kind = hybridRatio === null ? `layers: ${layersInWords(layers)}` : `hybrid ratio ${hybridRatio}`;
  return `${model}, ${device}, ${kind}; ${tokensRead} tokens read, ${tokensPerSecond} tokens/s, state ${stateBytes} bytes, kv ${kvBytes} bytes`;
}

function figuresLine(stateline: Stateline): string {
  const figures: CompletionFigures | null = stateline.lastCompletion;
  if (!figures) return sizes(stateline);
  const { msToFirstToken, msTotal, tokensAdvanced, tokensDecoded, nothing } = figures;
  const times = `first line ${msToFirstToken.toFixed(1)} ms, total ${msTotal.toFixed(1)} ms, ${tokensAdvanced} tokens advanced, ${tokensDecoded} decoded`;
  return styleText("dim", `[${sizes(stateline)}; ${times}${nothing ? `; ${nothing}` : ""}]`);
}
