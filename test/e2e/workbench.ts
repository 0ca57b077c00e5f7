// A real VS Code workbench for the end-to-end tests: code-server's build of it, from the npm registry alone.
// `installWorkbench` is idempotent; `startWorkbench` gives one running server with an empty profile.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CODE_SERVER_VERSION = "4.139.1"; // VS Code 1.139
const NODE_GYP_VERSION = "12";
/** A third one, sqlite3, serves the chat agents alone, which are off here; it would take a minute. */
const NATIVE_MODULES = ["spdlog", "native-watchdog"] as const;

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const cache = join(root, ".cache", "workbench");
const vscode = join(cache, "node_modules", "code-server", "lib", "vscode");
const serverMain = join(vscode, "out", "server-main.js");

/** Installs the workbench and builds its small native modules; a second call returns at once. */
export function installWorkbench(log: (line: string) => void): void {
  const stamp = join(cache, "installed");
  const wanted = `${CODE_SERVER_VERSION} ${process.version} ${process.arch}`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;

  mkdirSync(cache, { recursive: true });
  rmSync(stamp, { force: true });
  writeFileSync(
    join(cache, "package.json"),
    JSON.stringify({ private: true, description: "workbench for tests" }),
  );
  log(`installing code-server ${CODE_SERVER_VERSION}`);
  npm(cache, "install", `code-server@${CODE_SERVER_VERSION}`, `node-gyp@${NODE_GYP_VERSION}`);
  log("installing the workbench's own dependencies");
  npm(vscode, "install", "--omit=dev");
  npm(join(vscode, "extensions"), "install", "--omit=dev");
  for (const name of NATIVE_MODULES) {
    log(`building ${name}`);
    buildNativeModule(join(vscode, "node_modules", "@vscode", name));
  }
  writeFileSync(stamp, wanted);
}

function npm(directory: string, ...args: string[]): void {
  run(directory, "npm", [...args, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
}

function buildNativeModule(directory: string): void {
  const nodeGyp = join(cache, "node_modules", "node-gyp", "bin", "node-gyp.js");
  // Node-API is stable over Node versions, so any installed headers serve; without them node-gyp downloads its own.
  const headers = [dirname(dirname(process.execPath)), "/usr", "/usr/local"].find((prefix) =>
    existsSync(join(prefix, "include", "node", "node_api.h")),
  );
  run(directory, process.execPath, [
    nodeGyp,
    "rebuild",
    "-j",
    "2",
    ...(headers ? [`--nodedir=${headers}`] : []),
  ]);
}

export function run(cwd: string, command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 64 << 20 });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.slice(-4000);
  throw new Error(`${command} ${args.join(" ")} failed in ${cwd}:\n${output}`, { cause: result.error });
}

interface WorkbenchOptions {
  /** Folder for everything that the workbench writes; emptied first. */
  readonly profile: string;
  /** Paths of .vsix files, installed as a user would. */
  readonly extensions: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly trust: "everything" | "ask";
}

/** One running workbench server; pages connect to it by `url`. */
export class Workbench {
  readonly #server: ChildProcess;
  readonly #origin: string;

  private constructor(server: ChildProcess, origin: string) {
    this.#server = server;
    this.#origin = origin;
  }

  static async start(options: WorkbenchOptions): Promise<Workbench> {
    const { profile, extensions, settings, trust } = options;
    rmSync(profile, { recursive: true, force: true });
    // A window takes settings of the machine from the machine that its extensions run on.
    for (const place of ["User", "Machine"]) {
      const folder = join(profile, "data", place);
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, "settings.json"),
        JSON.stringify({ ...QUIET_SETTINGS, ...settings }, null, 2),
      );
    }
    const common = ["--server-data-dir", profile, "--accept-server-license-terms"];
    const installs = extensions.flatMap((vsix) => ["--install-extension", vsix]);
    run(root, process.execPath, [serverMain, ...installs, ...common]);

    const server = spawn(
      process.execPath,
      [
        ...[serverMain, ...common, "--host", "127.0.0.1", "--port", "0", "--without-connection-token"],
        ...["--telemetry-level", "off", ...(trust === "everything" ? ["--disable-workspace-trust"] : [])],
      ],
      { env: { ...process.env, ...options.env }, stdio: ["ignore", "pipe", "ignore"] },
    );
    return new Workbench(server, await listeningAt(server));
  }

  url(folder: string, openFile?: string): string {
    const remoteFile = openFile && `vscode-remote://${new URL(this.#origin).host}${join(folder, openFile)}`;
    const payload = remoteFile
      ? `&payload=${encodeURIComponent(JSON.stringify([["openFile", remoteFile]]))}`
      : "";
    return `${this.#origin}/?folder=${encodeURIComponent(folder)}${payload}`;
  }

  async stop(): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#server.once("exit", resolve));
    this.#server.kill();
    await ended;
  }
}

/** What would take the keyboard or the network from a test. */
const QUIET_SETTINGS = {
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.editor.useModal": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "telemetry.telemetryLevel": "off",
  "git.openRepositoryInParentFolders": "never",
  "typescript.disableAutomaticTypeAcquisition": true,
};

export const TAB_SIZE = 2;

/** Keys do what they say: no list of suggestions takes them, nothing is saved or indented by itself. */
export const PERSON_SETTINGS = {
  "workbench.colorTheme": "Default Dark Modern",
  "javascript.validate.enable": false,
  "files.autoSave": "off",
  "editor.autoIndent": "none",
  "editor.detectIndentation": false,
  "editor.tabSize": TAB_SIZE,
  "editor.quickSuggestions": { other: "off", comments: "off", strings: "off" },
  "editor.suggestOnTriggerCharacters": false,
  "editor.parameterHints.enabled": false,
};

async function listeningAt(server: ChildProcess): Promise<string> {
  if (server.stdout === null) throw new Error("The workbench server has no standard output.");
  for await (const line of createInterface(server.stdout)) {
    const port = /Extension host agent listening on (\d+)/.exec(line)?.[1];
    if (port !== undefined) {
      server.stdout.resume();
      return `http://127.0.0.1:${port}`;
    }
  }
  throw new Error(`The workbench server ended with code ${server.exitCode} before it listened.`);
}
