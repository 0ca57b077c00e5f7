/**
 * The line as it stands after accepting, over LSP with the real model and the server as it is bundled: each world is a small
 * repository that has the text three times.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { BUNDLED_SERVER, Client, endOf, type Item } from "./client.ts";
import { remove, temporaryFolder } from "./repository.ts";

interface Case {
  readonly name: string;
  readonly world: string;
  readonly file: string;
  readonly language: string;
  /** The cursor is at "¦". */
  readonly at: string;
  readonly key?: boolean;
  readonly right?: readonly string[];
  /** Any part of this line will do that ends at the end of a word. */
  readonly beginningOf?: string;
}

const { worlds, cases }: { worlds: Record<string, Record<string, string>>; cases: Case[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "around.json"), "utf8"),
);

for (const [world, files] of Object.entries(worlds)) {
  test(world, async (t) => {
    const copies = ["1", "2", "3"].flatMap((n) =>
      Object.entries(files).map(([path, text]) => [`d${n}/${path.replace("1.", `${n}.`)}`, text] as const),
    );
    const root = temporaryFolder({ ".git/HEAD": "", ...Object.fromEntries(copies) });
    const storagePath = temporaryFolder();
    const settings = { triggerDelayMs: 1 };
    const client = await Client.startReady({
      folders: [root],
      storagePath,
      settings,
      server: BUNDLED_SERVER,
    });
    for (const [i, one] of cases.entries()) {
      if (one.world !== world) continue;
      await t.test(
        `${one.name}: ${JSON.stringify(one.at.slice(-80))}${one.key ? ", by key" : ""}`,
        async () => {
          // A document of its own, so that nothing shown before answers.
          const uri = pathToFileURL(join(root, one.file.replace(".", `_${i}.`))).href;
          const before = one.at.slice(0, one.at.indexOf("¦"));
          await client.open(uri, one.at.replace("¦", ""), one.language);
          const items = await client.complete(uri, endOf(before), { manual: one.key ?? false });
          await client.close(uri);
          check(one, items?.[0]);
        },
      );
    }
    assert.deepEqual(
      client.log.filter((line) => line.includes("grammar")),
      [],
    );
    await client.stop();
    remove(root, storagePath);
  });
}

function check({ at, right, beginningOf }: Case, item: Item | undefined): void {
  assert.ok(item, "nothing is offered");
  const [before = "", after = ""] = at.split("¦");
  const replaced = item.range.end.character - item.range.start.character;
  const written = before.slice(before.lastIndexOf("\n") + 1) + item.insertText;
  const rest = after.slice(replaced).split("\n", 1)[0] ?? "";
  const [line = "", ...more] = written.split("\n");
  if (beginningOf !== undefined) {
    assert.ok(beginningOf.startsWith(line), line);
    assert.doesNotMatch(
      line.slice(-1) + beginningOf.charAt(line.length),
      /^\w\w$/,
      `${line} ends inside a word`,
    );
    return;
  }
  assert.ok(right?.includes(more.length > 0 ? line : line + rest), JSON.stringify(line + rest));
  if (more.length > 0) assert.equal(rest.trim(), "", "what is to the right ends up below");
}
