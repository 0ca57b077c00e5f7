/** The face of ./dev: what it says without setting anything up. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const dev = join(fileURLToPath(new URL("../..", import.meta.url)), "dev");
const run = (...args: string[]) => spawnSync(dev, args, { cwd: tmpdir(), encoding: "utf8" });

test("--help says each subcommand in one line, from any folder", () => {
  const { status, stdout } = run("--help");
  assert.equal(status, 0);
  for (const command of "start test build bench eval train package server check format".split(" ")) {
    assert.match(stdout, new RegExp(`^  ${command} +\\S`, "m"));
  }
});

test("no command at all is a question for help", () => {
  assert.equal(run().stdout, run("--help").stdout);
});

test("an unknown command or suite fails with a word on what to do", () => {
  for (const args of [["serve"], ["test", "--fast"], ["build", "--fast"]]) {
    const { status, stdout, stderr } = run(...args);
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /(serve|--fast|--cuda)/);
    assert.match(stderr, /--help|usage/);
  }
});

const noGpu = spawnSync("nvidia-smi", ["-L"]).error ? {} : { skip: "this machine may have a GPU" };

test("without a GPU, what wants one says so in one sentence, at once", noGpu, () => {
  for (const [command, verb] of [
    ["test:gpu", "test"],
    ["bench:gpu", "measure"],
  ] as const) {
    const { status, stdout, stderr } = run(command);
    assert.equal(status, 0);
    assert.equal(stdout, "");
    assert.equal(stderr, `There is no NVIDIA GPU with a driver on this machine: nothing to ${verb}.\n`);
  }
});
