/** The line as it stands after accepting, whatever is around the cursor: the model's text is given, the parsers are real. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { randomSource, shuffled } from "../../scripts/eval/random.ts";
import { Finish } from "../../server/completion/finish.ts";
import { surroundingsOf } from "../../server/completion/request.ts";
import { GRAMMARS_PATH } from "../../server/installation.ts";
import { SyntaxTrees } from "../../server/syntax/trees.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const syntax = new SyntaxTrees(GRAMMARS_PATH, (cause) => assert.fail(String(cause)));
after(() => syntax.dispose());

function documentOf(languageId: string, marked: string) {
  const uri = `file:///${languageId}/${marked}`;
  return { uri, relativePath: "probe", languageId, text: marked.replace("¦", ""), tabSize: 4 };
}

async function accepted(
  languageId: string,
  marked: string,
  text: string,
  isCut = false,
): Promise<string | null> {
  const offset = marked.indexOf("¦");
  const document = documentOf(languageId, marked);
  const around = surroundingsOf({ document, offset, manual: false, others: [] });
  using finish = new Finish(document, around, syntax);
  const finished = await finish.finish({ text, shape: { kind: "line" }, isOpen: false, isCut });
  if ("nothing" in finished) return null;
  const line = around.before.slice(around.before.lastIndexOf("\n") + 1);
  const rest = around.after.split("\n", 1)[0] ?? "";
  return line + finished.text + rest.slice(finished.replaced);
}

interface Case {
  readonly language: string;
  /** The cursor is at "¦". */
  readonly at: string;
  readonly writes: string;
  /** null: nothing is offered. */
  readonly line: string | null;
  /** What the model went on to write was unlikely, and left out. */
  readonly isCut?: boolean;
}

const kinds: Readonly<Record<string, readonly Case[]>> = JSON.parse(
  readFileSync(new URL("around.json", import.meta.url), "utf8"),
);

for (const [kind, cases] of Object.entries(kinds)) {
  for (const { language, at, writes, line, isCut } of cases) {
    test(`${kind}: ${language}, ${JSON.stringify(at)} and ${JSON.stringify(writes)}`, async () => {
      assert.equal(await accepted(language, at, writes, isCut), line);
    });
  }
}

test("whatever a person wrote on a line may be offered there, in every file of this repository", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomSource(seed);
  const files = globSync("{server,native,model,media,scripts}/**/*.{ts,cc,h,py,css}", { cwd: ROOT }).filter(
    (path) => !path.includes("build"),
  );
  for (const path of shuffled(files, random).slice(0, 60)) {
    const text = readFileSync(join(ROOT, path), "utf8");
    const lines = text.split("\n").flatMap((line, i) => (line.trim().length > 2 ? [i] : []));
    const i = lines[Math.floor(random() * lines.length)] ?? 0;
    const line = text.split("\n")[i] ?? "";
    const column = line.length - Math.ceil(random() * (line.trim().length - 1));
    const start = text.split("\n").slice(0, i).join("\n").length + (i > 0 ? 1 : 0);
    const marked = `${text.slice(0, start + column)}¦${text.slice(start + line.length)}`;
    const language = path.endsWith(".h") ? "cpp" : extname(path).slice(1);
    // As an open document that the person has come to: its tree is there.
    await syntax.settled({ ...documentOf(language, marked), text });
    const offered = await accepted(language, marked, line.slice(column));
    // The line below may be the same, which is taken for an echo.
    if (offered !== null) assert.equal(offered.trimEnd(), line.trimEnd(), `${path}:${i + 1}, seed ${seed}`);
  }
});
