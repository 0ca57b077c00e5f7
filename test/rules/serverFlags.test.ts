/** Every way to start the server gives Node the same flags. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SERVER_FLAGS } from "../../protocol/serverFlags.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const flags = SERVER_FLAGS.join(" ");

test("the program's first line runs it with the server's flags", () => {
  assert.equal(read("server/main.ts").split("\n")[0], `#!/usr/bin/env -S node ${flags}`);
});

test("the user guide starts the server with its flags", () => {
  const guide = read("docs/user-guide.md");
  assert.ok(guide.includes(`node ${flags} dist/server.cjs --stdio`));
  const quoted = ["node", ...SERVER_FLAGS].map((word) => JSON.stringify(word)).join(", ");
  assert.ok(guide.includes(`cmd = { ${quoted}, `));
});
