import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as vscode from "vscode";
import type { ExtensionApi } from "../../../extension/extensionApi.ts";
import type { SessionCounts } from "../../../protocol/counts.ts";
import { DEFAULT_SETTINGS } from "../../../protocol/settings.ts";

const EXTENSION_ID = "stateline.stateline";
const READY_MS = 40_000;
const OFFER_MS = 4000;
/** Long enough to read a document ahead on a busy machine. */
const REST_MS = 3000;

export function defineTests(): void {
  suite("Stateline in the extension host", () => {
    let api: ExtensionApi;
    let manifest: Manifest;

    suiteSetup(async () => {
      const extension = vscode.extensions.getExtension<ExtensionApi>(EXTENSION_ID);
      assert.ok(extension, `${EXTENSION_ID} is not installed`);
      api = await extension.activate();
      manifest = JSON.parse(readFileSync(join(extension.extensionPath, "package.json"), "utf8"));
    });

    teardown(async () => {
      for (const name of Object.keys(DEFAULT_SETTINGS)) await configure(name, undefined);
      await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
    });

    test("activates and reads the repository until it is ready", async () => {
      assert.match(api.face().text, /Stateline/);
      await ready(api);
      const status = api.status();
      assert.ok(status && status.tokensRead > 0 && status.stateBytes > 0, JSON.stringify(status));
      assert.equal(api.face().kind, "ready");
    });

    test("registers every command that the manifest declares", async () => {
      const registered = new Set(await vscode.commands.getCommands(true));
      const missing = manifest.contributes.commands.filter(({ command }) => !registered.has(command));
      assert.deepEqual(missing, []);
    });

    test("declares what an untrusted workspace may not set, and that it runs beside the files", () => {
      const { untrustedWorkspaces } = manifest.capabilities;
      assert.equal(untrustedWorkspaces.supported, "limited");
      assert.ok(untrustedWorkspaces.restrictedConfigurations.includes("stateline.modelPath"));
      assert.deepEqual(manifest.extensionKind, ["workspace"]);
    });

    test("answers at the cursor, and accepting changes the document by what was offered", async () => {
      const document = await offered(api);
      const before = document.getText();
      const { accepted, characters } = counted(api);
      await accept(document);
      await until("the acceptance is counted", api.onDidChange, () => counted(api).accepted > accepted);
      const inserted = document.getText().length - before.length;
      assert.ok(inserted > 0, "nothing was inserted");
      assert.ok(counted(api).characters >= characters + inserted, JSON.stringify(counted(api)));
    });

    test("counts what is taken by word, and typing not", async () => {
      const document = await offered(api);
      const before = { ...counted(api), length: document.getText().length };
      await persist("a word is taken and counted", async () => {
        await vscode.commands.executeCommand("editor.action.inlineSuggest.acceptNextWord");
        return counted(api).accepted > before.accepted;
      });
      const { accepted, characters } = counted(api);
      assert.equal(accepted, before.accepted + 1);
      const taken = characters - before.characters;
      assert.ok(taken >= 2 && taken <= document.getText().length - before.length, `${taken} characters`);
      await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
      await vscode.commands.executeCommand("type", { text: "x" });
      assert.equal(counted(api).characters, characters);
    });

    test("completes a notebook's cell by what the cells before it say", async () => {
      await ready(api);
      const cellOf = (text: string) =>
        new vscode.NotebookCellData(vscode.NotebookCellKind.Code, text, "python");
      const notebook = await vscode.workspace.openNotebookDocument(
        "jupyter-notebook",
        new vscode.NotebookData([cellOf("quuxified_totals = load_zebra_table(path)"), cellOf("")]),
      );
      await vscode.window.showNotebookDocument(notebook, { selections: [new vscode.NotebookRange(1, 2)] });
      const { document } = notebook.cellAt(1);
      const { shown } = counted(api);
      await vscode.commands.executeCommand("notebook.cell.edit");
      await vscode.commands.executeCommand("type", { text: "describe(quuxified_" });
      await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
      await until("a completion is offered", api.onDidChange, () => counted(api).shown > shown);
      await accept(document);
      assert.match(document.getText(), /^describe\(quuxified_totals\b/);
    });

    test("tells what the last completion cost", async () => {
      await offered(api);
      const figures = await api.lastCompletion();
      assert.ok(figures && figures.characters > 0 && figures.msTotal > 0, JSON.stringify(figures));
    });

    test("reads ahead where the cursor rests", async () => {
      await ready(api);
      const before = JSON.stringify(await api.lastCompletion());
      await typed(PIECES.join("").repeat(4));
      await delay(REST_MS);
      await vscode.commands.executeCommand("type", { text: "r" });
      let figures = await api.lastCompletion();
      for (let waited = 0; JSON.stringify(figures) === before && waited < OFFER_MS; waited += 50) {
        await delay(50);
        figures = await api.lastCompletion();
      }
      assert.notEqual(JSON.stringify(figures), before);
      assert.ok(figures && figures.contextTokens > 0 && figures.tokensAdvanced <= 8, JSON.stringify(figures));
    });

    test("takes a bad value for its default and goes on", async () => {
      await configure("maxLines", -3);
      await offered(api);
    });

    test("restarts a killed server, which is ready again and answers", async () => {
      await ready(api);
      const first = api.serverProcessId();
      assert.ok(first, "no server process");
      process.kill(first, "SIGKILL");
      await until("another server is ready", api.onDidChange, () => {
        const now = api.serverProcessId();
        return now !== undefined && now !== first && api.status()?.state === "ready";
      });
      await offered(api);
    });

    test("restarts a server that hangs, which is ready again and answers", async function () {
      this.timeout(120_000);
      await ready(api);
      const first = api.serverProcessId();
      assert.ok(first, "no server process");
      process.kill(first, "SIGSTOP");
      await until(
        "another server is ready",
        api.onDidChange,
        () => {
          const now = api.serverProcessId();
          return now !== undefined && now !== first && api.status()?.state === "ready";
        },
        90_000,
      );
      await gone(first);
      await offered(api);
    });

    test("restarts on command", async () => {
      await ready(api);
      const first = api.serverProcessId();
      await vscode.commands.executeCommand("stateline.restartServer");
      await ready(api);
      assert.notEqual(api.serverProcessId(), first);
    });

    test("off means off: no server process is left, and it comes back", async () => {
      await ready(api);
      const processId = api.serverProcessId();
      assert.ok(processId, "no server process");
      await vscode.commands.executeCommand("stateline.toggle");
      await until("the server is let go", api.onDidChange, () => api.serverProcessId() === undefined);
      await gone(processId);
      assert.equal(api.face().kind, "off");
      await vscode.commands.executeCommand("stateline.toggle");
      await ready(api);
    });

    test("switches one language off and on", async () => {
      await typed("export const one = 1;\n");
      await vscode.commands.executeCommand("stateline.toggleLanguage");
      assert.deepEqual(vscode.workspace.getConfiguration("stateline").get("languages"), ["*", "!typescript"]);
      assert.equal(api.face().kind, "off");
      await vscode.commands.executeCommand("stateline.toggleLanguage");
      assert.deepEqual(vscode.workspace.getConfiguration("stateline").get("languages"), ["*"]);
    });

    test("snoozes for the given minutes and wakes up", async () => {
      await ready(api);
      await vscode.commands.executeCommand("stateline.snooze", 5);
      assert.equal(api.face().kind, "snoozed");
      assert.match(api.face().text, /5 min/);
      await vscode.commands.executeCommand("stateline.snooze");
      assert.notEqual(api.face().kind, "snoozed");
    });

    test("reads the repository again on command", async () => {
      await ready(api);
      await vscode.commands.executeCommand("stateline.reread");
      await ready(api);
    });

    test("leaves a server dead that died five times, until it is restarted on command", async () => {
      await ready(api);
      await vscode.commands.executeCommand("stateline.restartServer");
      for (let killed: number | undefined, times = 0; times < 5; times++) {
        await until("the next server speaks", api.onDidChange, () => {
          return api.status() !== undefined && api.serverProcessId() !== killed;
        });
        killed = api.serverProcessId();
        assert.ok(killed, "no server process");
        process.kill(killed, "SIGKILL");
      }
      await until("the server is given up", api.onDidChange, () => api.face().kind === "error");
      await vscode.commands.executeCommand("stateline.restartServer");
      await ready(api);
    });
  });
}

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
  };
  readonly capabilities: {
    readonly untrustedWorkspaces: {
      readonly supported: string;
      readonly restrictedConfigurations: readonly string[];
    };
  };
  readonly extensionKind: readonly string[];
}

function ready(api: ExtensionApi): Promise<void> {
  return until("the server is ready", api.onDidChange, () => api.status()?.state === "ready");
}

async function configure(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration("stateline").update(name, value, vscode.ConfigurationTarget.Global);
}

/** A new TypeScript document with the cursor at its end. */
async function typed(content: string): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument({ language: "typescript", content });
  const editor = await vscode.window.showTextDocument(document);
  const end = document.positionAt(content.length);
  editor.selection = new vscode.Selection(end, end);
  return document;
}

/** What the fixture repository says, piece by piece: a model may have nothing to say after one of them. */
const PIECES = [
  'import { addNumbers, subtractNumbers } from "./numbers";\n\nexport function addThree(first: number, ',
  "second: number, third: number): number {\n  return ",
  "addNumbers(",
  "first, addNumbers(second, ",
  "third));\n}\n\nexport function ",
  "subtractThree(first: ",
  "number, second: number, third: number): number {\n  ",
  "return subtractNumbers(",
  "first, ",
];

/** Types until something is offered. */
async function offered(api: ExtensionApi): Promise<vscode.TextDocument> {
  await ready(api);
  const before = counted(api).shown;
  const document = await typed("");
  const reasons: string[] = [];
  for (const piece of PIECES) {
    await vscode.commands.executeCommand("type", { text: piece });
    await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    const isOffered = (): boolean => counted(api).shown > before;
    const outcome = until("a completion is offered", api.onDidChange, isOffered, OFFER_MS);
    if (
      await outcome.then(
        () => true,
        () => false,
      )
    )
      return document;
    reasons.push(JSON.stringify(await api.lastCompletion()));
  }
  throw new Error(`Nothing was offered in ${PIECES.length} places: ${reasons.join(" ")}`);
}

function counted(api: ExtensionApi): SessionCounts {
  return api.counts() ?? { shown: 0, accepted: 0, characters: 0 };
}

/** The offer reaches the editor's window a moment after the extension host has it, so commit until it takes. */
async function accept(document: vscode.TextDocument): Promise<void> {
  let changed = false;
  const listener = vscode.workspace.onDidChangeTextDocument((event) => {
    changed ||= event.document === document && event.contentChanges.length > 0;
  });
  try {
    await persist("the document changes", async () => {
      if (!changed) await vscode.commands.executeCommand("editor.action.inlineSuggest.commit");
      return changed;
    });
  } finally {
    listener.dispose();
  }
}

/** The end of a process that is not one's own child shows only when asked for. */
function gone(processId: number): Promise<void> {
  return persist("the process ends", async () => {
    await new Promise(setImmediate);
    try {
      return !process.kill(processId, 0);
    } catch {
      return true;
    }
  });
}

/** For what sends no event: tries until it is done. */
async function persist(what: string, attempt: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + READY_MS;
  while (!(await attempt())) {
    if (Date.now() > endMs) throw new Error(`Tried for ${READY_MS} ms in vain: ${what}`);
  }
}

function until(
  what: string,
  event: vscode.Event<void>,
  holds: () => boolean,
  limitMs = READY_MS,
): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const inVain = (): void => finish(() => reject(new Error(`Waited ${limitMs} ms in vain: ${what}`)));
    const timer = setTimeout(inVain, limitMs);
    const listener = event(() => {
      if (holds()) finish(resolve);
    });
    function finish(end: () => void): void {
      clearTimeout(timer);
      listener.dispose();
      end();
    }
  });
}
