#!/usr/bin/env -S node --max-semi-space-size=4
/** The language server's process: arguments, transport, and what happens when something goes wrong. */
import {
  type Connection,
  createConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageReader,
  type MessageWriter,
  ProposedFeatures,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-languageserver/node";
import { FrameFilter } from "./frames.ts";
import { packageVersion } from "./installation.ts";
import { LanguageServer } from "./languageServer.ts";
import { type Log, reasonOf } from "./log.ts";

const HELP = `Stateline ${packageVersion()}: code completion as a language server (LSP 3.18, textDocument/inlineCompletion).

Usage: stateline --stdio        speak LSP over standard input and output
       stateline --node-ipc     speak LSP over Node's channel to the parent process
       stateline --version
       stateline --help
`;

/** A dead client cannot wait longer for the state to be saved. */
const SAVE_ON_EXIT_MS = 2000;

main(process.argv.slice(2));

function main(args: readonly string[]): void {
  if (args.includes("--help") || args.includes("-h")) process.stdout.write(HELP);
  else if (args.includes("--version")) process.stdout.write(`${packageVersion()}\n`);
  else if (args.includes("--stdio")) serveStdio();
  else if (!args.includes("--node-ipc")) refuse(args[0]);
  else if (process.send) serveIpc();
  else refuse("--node-ipc without a parent process that opened a channel");
}

/** What an editor adds beside its transport is let pass. */
function refuse(unknown: string | undefined): void {
  const what = unknown === undefined ? "" : `Stateline does not understand ${unknown}. `;
  process.stderr.write(`${what}Say how to talk to the editor: --stdio or --node-ipc.\n\n${HELP}`);
  process.exitCode = 2;
}

function serveStdio(): void {
  let log: Log | undefined;
  const frames = new FrameFilter((line) => log?.warn(line));
  const server = serve(
    new StreamMessageReader(process.stdin.pipe(frames)),
    new StreamMessageWriter(process.stdout),
  );
  log = server.log;
  // The client closed the pipe, or died; a broken pipe shows as an error of the output.
  frames.once("end", () => void exitWhenSaved(server.languageServer));
  process.stdout.once("error", () => void exitWhenSaved(server.languageServer));
}

function serveIpc(): void {
  const { languageServer } = serve(new IPCMessageReader(process), new IPCMessageWriter(process));
  process.once("disconnect", () => void exitWhenSaved(languageServer));
}

function serve(reader: MessageReader, writer: MessageWriter): { languageServer: LanguageServer; log: Log } {
  const connection = createConnection(ProposedFeatures.all, reader, writer);
  const log = logTo(connection);
  reader.onError((error) => log.warn(`A message of the client was not understood: ${firstLine(error)}`));
  // One line, and on: an editor's session should not end with one failed request.
  process.on("uncaughtException", (error) => log.warn(`Unexpected: ${firstLine(error)}`));
  process.on("unhandledRejection", (cause) => log.warn(`Unexpected: ${firstLine(cause)}`));
  const languageServer = new LanguageServer(connection, log);
  languageServer.listen();
  return { languageServer, log };
}

function logTo({ console }: Connection): Log {
  return {
    debug: (line) => console.debug(line),
    info: (line) => console.info(line),
    warn: (line) => console.warn(line),
  };
}

async function exitWhenSaved(languageServer: LanguageServer): Promise<void> {
  setTimeout(() => process.exit(1), SAVE_ON_EXIT_MS);
  await languageServer.shutDown().catch(() => undefined);
  process.exit(1);
}

function firstLine(cause: unknown): string {
  return reasonOf(cause).split("\n", 1)[0] ?? "";
}
