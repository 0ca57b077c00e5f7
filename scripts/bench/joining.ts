/**
 * What looking at the syntax adds to an answer, in documents of 5,000 lines: telling the tree a keystroke, and, after the model
 * wrote, joining the true rest of a line with the closers that an editor puts behind the cursor, or with nothing. Prints JSON.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { missingClosers } from "../../server/completion/balance.ts";
import { Finish } from "../../server/completion/finish.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { type Quantiles, quantiles } from "../../server/measure/statistics.ts";
import { SyntaxTrees } from "../../server/syntax/trees.ts";
import { randomSource } from "../eval/random.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LINES = 5000;
const PLACES = 300;
const LANGUAGES = {
  typescript: "server/**/*.ts",
  python: "model/**/*.py",
  cpp: "native/{engine,kernels,binding,longrange}/**/*.cc",
};

export interface JoiningResults {
  readonly language: string;
  readonly lines: number;
  readonly places: number;
  readonly closersMs: Quantiles;
  readonly nothingMs: Quantiles;
}

async function measure(language: string, pattern: string): Promise<JoiningResults> {
  const text = globSync(pattern, { cwd: ROOT })
    .sort()
    .map((path) => readFileSync(join(ROOT, path), "utf8"))
    .join("\n")
    .split("\n")
    .slice(0, LINES)
    .join("\n");
  const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => {
    throw cause;
  });
  const document = { uri: language, languageId: language, relativePath: language };
  await syntax.settled({ ...document, text });
  const random = randomSource(1);
  const ms: Record<"closers" | "nothing", number[]> = { closers: [], nothing: [] };
  while (ms.closers.length < PLACES) {
    const end = text.indexOf("\n", Math.floor(random() * text.length));
    const start = text.lastIndexOf("\n", end - 1) + 1;
    const cut = start + Math.floor(random() * (end - start));
    const closers = missingClosers(text.slice(start, cut));
    if (end < 0 || closers === "") continue;
    for (const [kind, right] of Object.entries({ closers, nothing: "" })) {
      const around = { before: text.slice(0, cut), after: right + text.slice(end), tabSize: 2 };
      const now = { ...document, text: around.before + around.after };
      const begin = performance.now();
      syntax.follow(now);
      using finish = new Finish(now, around, syntax);
      const askedMs = performance.now() - begin;
      // Meanwhile the model decodes, for longer than this takes.
      await finish.prepare();
      const written = performance.now();
      await finish.finish({
        text: text.slice(cut, end),
        shape: { kind: "line" },
        isOpen: false,
        isCut: false,
      });
      ms[kind as keyof typeof ms].push(askedMs + performance.now() - written);
      syntax.follow({ ...document, text });
    }
  }
  syntax.dispose();
  const [closersMs, nothingMs] = [quantiles(ms.closers), quantiles(ms.nothing)];
  return { language, lines: text.split("\n").length, places: PLACES, closersMs, nothingMs };
}

const results: JoiningResults[] = [];
for (const [language, pattern] of Object.entries(LANGUAGES)) results.push(await measure(language, pattern));
process.stdout.write(`${JSON.stringify(results)}\n`);
