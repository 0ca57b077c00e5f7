/** Folders for a test: a small program, or any number of tokens of one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export function temporaryFolder(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "stateline-"));
  for (const [path, content] of Object.entries(files)) write(root, path, content);
  return root;
}

export function write(root: string, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

export function remove(...roots: readonly string[]): void {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
}

const NOUNS = [
  "account",
  "order",
  "invoice",
  "payment",
  "customer",
  "shipment",
  "product",
  "address",
  "session",
];
const VERBS = ["create", "update", "remove", "find", "list", "validate", "archive", "merge"];

/** One source file of about 1000 tokens; different for each index. */
export function sourceFile(index: number): string {
  const noun = NOUNS[index % NOUNS.length] ?? "thing";
  const Noun = `${noun[0]?.toUpperCase()}${noun.slice(1)}${index}`;
  const functions = VERBS.map((verb, i) => {
    const name = `${verb}${Noun}`;
    return `/** Will ${verb} the ${noun} number ${index}. */
export function ${name}(store: Map<string, ${Noun}>, id: string, amount: number): ${Noun} | undefined {
  const ${noun} = store.get(id);
  if (${noun} === undefined) {
    return undefined;
  }
  ${noun}.total = ${noun}.total + amount * ${(index * 31 + i * 7) % 97};
  store.set(id, ${noun});
  return ${noun};
}
`;
  });
  return `export interface ${Noun} {\n  id: string;\n  total: number;\n}\n\n${functions.join("\n")}`;
}

export function program(files: number): Record<string, string> {
  const all: Record<string, string> = {
    "README.md": "# Shop\n\nAccounts, orders and invoices of a small shop.\n",
  };
  for (let i = 0; i < files; i++) all[`src/module${i % 20}/file${i}.ts`] = sourceFile(i);
  return all;
}
