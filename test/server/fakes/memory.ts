/** A memory over real folders, with an engine without tensors. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { FilePolicy } from "../../../server/repository/filePolicy.ts";
import { type MemoryContext, RepositoryMemory } from "../../../server/repository/memory.ts";
import { StateStore } from "../../../server/repository/stateStore.ts";
import { FakeModel, type FakeRecall, type FakeState } from "./engine.ts";
import { fakeTokenizer } from "./tokenizerFile.ts";

export function folder(t: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "stateline-repository-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

export async function memoryOf(roots: string[], storage?: string, overrides: Partial<MemoryContext> = {}) {
  const tokenizer = await fakeTokenizer();
  const model = new FakeModel(tokenizer);
  const lines: string[] = [];
  const log = {
    debug: () => undefined,
    info: (line: string) => lines.push(line),
    warn: (line: string) => lines.push(line),
  };
  const store = storage ? new StateStore(storage, log) : undefined;
  const policy = new FilePolicy(roots.map((path) => ({ path, exclude: [] })));
  const settings = { policy, stateHeads: 6, attentionWindow: 2048 };
  const context = {
    model,
    tokenizer,
    store,
    log,
    onProgress: () => undefined,
    onSpeed: () => undefined,
    settleMs: 60_000,
    mostWaitMs: 60_000,
    saveMs: 60_000,
    ...overrides,
  };
  const memory = new RepositoryMemory(context, settings);
  const text = () => tokenizer.decode((memory.state as FakeState).tokens);
  const recalled = () =>
    [...(memory.recall as FakeRecall).texts.values()].map((ids) => tokenizer.decode([...ids]));
  return { memory, model, settings, tokenizer, lines, text, recalled };
}
