/** Emacs with the packed package, its server and its mode: emacs.el presses the keys and says what was shown and written. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { installed } from "./packed.ts";
import { program, remove, temporaryFolder } from "./repository.ts";

const TESTS = join(import.meta.dirname, "emacs.el");
const isThere = spawnSync("emacs", ["--version"]).status === 0;
const there = isThere ? {} : { skip: "Emacs is not installed; apt-get install emacs-nox" };

test("in Emacs a text is shown, followed, taken wholly or by word, and dismissed", there, (t) => {
  const modules = installed(t);
  const [folder, cache] = [temporaryFolder(program(3)), temporaryFolder()];
  t.after(() => remove(folder, cache));
  // A project, as Emacs understands it.
  execFileSync("git", ["init", "--quiet"], { cwd: folder });
  const { status, stdout, stderr } = spawnSync(
    "emacs",
    [
      ...["--quick", "--batch", "--directory", join(modules, "stateline/docs/editors")],
      ...["--load", TESTS, "--funcall", "ert-run-tests-batch-and-exit"],
    ],
    {
      encoding: "utf8",
      timeout: 300_000,
      env: {
        ...process.env,
        STATELINE_SERVER: join(modules, ".bin/stateline"),
        STATELINE_FOLDER: folder,
        XDG_CACHE_HOME: cache,
      },
    },
  );
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stderr, /Ran \d+ tests, \d+ results as expected, 0 unexpected/);
});
