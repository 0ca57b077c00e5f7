/** Tokens to measure with: a program that is the same at each run and on each machine, as long as one likes. */
import type { Tokenizer } from "../engine/tokenizer.ts";
import { fileTokens } from "../repository/stream.ts";

/** Longer contexts read it again: what it says matters little to the arithmetic, how it is made of tokens does. */
const DISTINCT_TOKENS = 32_768;

const NOUNS = [
  "account",
  "order",
  "invoice",
  "shipment",
  "session",
  "product",
  "address",
  "ledger",
  "basket",
];
const VERBS = ["create", "update", "remove", "find", "validate", "archive", "merge"];

export async function programTokens(
  tokenizer: Tokenizer,
  count: number,
  signal: AbortSignal,
): Promise<Int32Array> {
  const distinct: number[] = [];
  for (let file = 0; distinct.length < Math.min(count, DISTINCT_TOKENS); file++) {
    signal.throwIfAborted();
    const path = `src/${NOUNS[file % NOUNS.length]}${file}.ts`;
    for (const token of await fileTokens(tokenizer, path, sourceText(file))) distinct.push(token);
  }
  return Int32Array.from({ length: count }, (_, i) => distinct[i % distinct.length] ?? 0);
}

function sourceText(file: number): string {
  const noun = NOUNS[file % NOUNS.length] ?? "thing";
  const type = `${noun[0]?.toUpperCase()}${noun.slice(1)}${file}`;
  const functions = VERBS.map((verb, i) => functionText(verb, noun, type, (file * 31 + i * 7) % 97));
  return `export interface ${type} {\n  id: string;\n  total: number;\n}\n\n${functions.join("\n")}`;
}

function functionText(verb: string, noun: string, type: string, factor: number): string {
  return `/** Will ${verb} one ${noun} of the store, and scale its total by ${factor}. */
export function ${verb}${type}(store: Map<string, ${type}>, id: string, amount: number): ${type} | undefined {
  const ${noun} = store.get(id);
  if (${noun} === undefined) return undefined;
  ${noun}.total += amount * ${factor};
  store.set(id, ${noun});
  return ${noun};
}
`;
}
