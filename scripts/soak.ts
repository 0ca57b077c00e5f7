/** A long session at the real server, full of trouble; writes docs/evaluation/soak.json and the model card's section. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../server/measure/machine.ts";
import { describeCommit } from "./bench/commit.ts";
import { randomSource } from "./eval/random.ts";
import { editsOf, type FileEdits } from "./eval/replay/edits.ts";
import { fastPace } from "./eval/replay/pauses.ts";
import { RunningServer } from "./eval/replay/server.ts";
import { replay } from "./eval/replay/session.ts";
import { type Versions, versionsOf } from "./eval/replay/sources.ts";
import { writeReport } from "./eval/report/report.ts";
import { type SoakCounts, soakFigures } from "./soak/figures.ts";
import { SoakRepository } from "./soak/repository.ts";
import { type Trouble, TroubledServer } from "./soak/trouble.ts";

const HELP = `Types edits into the real server while it is killed, its questions are taken back and branches are switched under it.

Usage: ./dev soak [options]
  --keys N      keys of the edits, as pressed without help (default 50000)
  --seed N      which edits, and when there is trouble (default 1)
  --out FILE    instead of docs/evaluation/soak.json; the model card is then left as it is
Ends with status 1 if a text for another place or document was shown, a crash took longer than two seconds, or memory
grew by more than five per cent over the second half.
`;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SERVER = join(ROOT, "dist", "server.cjs");
/** Of the development's list; small enough to be read in a minute. */
const PACKAGES = ["typer", "fsspec", "nodemailer", "github-hashicorp-memberlist"];
const MODULES = 2000;
const KEYS_A_ROUND = 2500;
const SWITCHES = 6;
const TROUBLE: Trouble = { kills: 1 / 250, cancellations: 1 / 20, twins: 1 / 100 };
const SAMPLE_EVERY = 20;

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "50000" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});

if (values.help) process.stdout.write(HELP);
else await soak(Number(values.keys), Number(values.seed));

async function soak(keys: number, seed: number): Promise<void> {
  const begunMs = performance.now();
  const machine = describeMachine();
  const own = mkdtempSync(join(tmpdir(), "stateline-soak-"));
  const counts = await session(own, keys, seed).finally(() => rmSync(own, { recursive: true, force: true }));
  const { residentMiB: _, ...kept } = counts;
  const figures = soakFigures(counts);
  const options = process.argv.slice(2);
  const written = {
    command: ["./dev soak", ...options].join(" "),
    commit: describeCommit(ROOT),
    date: new Date().toISOString().slice(0, 10),
    machine,
    seconds: Math.round((performance.now() - begunMs) / 1000),
    ...{ seed, modules: MODULES, ...figures },
    counts: kept,
  };
  const path = values.out ?? join(ROOT, "docs", "evaluation", "soak.json");
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, `${JSON.stringify(written, rounded, 1)}\n`);
  if (!values.out) writeReport(ROOT);
  say(`${path}, ${written.seconds} s`);
  for (const failure of figures.failures) say(failure);
  process.exitCode = figures.failures.length > 0 ? 1 : 0;
}

async function session(own: string, keys: number, seed: number): Promise<SoakCounts> {
  const packages = versionsOf("development", "", say).filter(({ name }) => PACKAGES.includes(name));
  if (packages.length < PACKAGES.length) throw new Error("Without these packages there is nothing to type.");
  const repository = SoakRepository.create(join(own, "repository"), packages, MODULES);
  const storage = join(own, "storage");
  const options = { path: SERVER, settings: { triggerDelayMs: 1 } };
  const start = async () => (await RunningServer.start(options, repository.folder, storage)).server;
  // The first one reads the repository, so that a crash finds a state on disk.
  await (await RunningServer.begin(options, repository.folder, storage)).close();
  say("the repository is read");

  const residentMiB: number[] = [];
  let done = 0;
  let switches = 0;
  const isSecondHalf = () => done >= keys / 2;
  const server = await TroubledServer.begin(start, TROUBLE, randomSource(seed), ({ residentBytes }) => {
    if (isSecondHalf() && server.requests % SAMPLE_EVERY === 0)
      residentMiB.push((residentBytes ?? Number.NaN) / 2 ** 20);
  });
  for (const file of filesOf(packages, seed)) {
    if (done >= keys) break;
    // The memory of the second half is that of one server, which is warm by then.
    server.mayKill = done < keys / 4;
    if (done >= ((switches + 1) * keys) / (SWITCHES + 1)) {
      await server.filesChanged(repository.switchBranch());
      switches++;
    }
    const records = await replay(file.path, [file], server, fastPace(seed));
    done += records.reduce((sum, { keysAlone }) => sum + keysAlone, 0);
    say(
      `${done} keys, ${server.recoveriesMs.length} crashes, ${server.cancelled} cancelled, ${switches} switches, ${server.faults.length} faults, ${(residentMiB.at(-1) ?? 0).toFixed(0)} MiB`,
    );
  }
  await server.close();
  const { requests, cancelled, twinRounds, faults, recoveriesMs } = server;
  return { keys: done, requests, cancelled, twins: twinRounds, switches, faults, recoveriesMs, residentMiB };
}

/** Round after round, of other edits each time; paths are of the repository that has all packages. */
function* filesOf(packages: readonly Versions[], seed: number): Generator<FileEdits> {
  for (let round = 0; ; round++) {
    for (const versions of packages) {
      for (const file of editsOf(versions, KEYS_A_ROUND, seed + round)) {
        yield { ...file, path: join(versions.name, file.path) };
      }
    }
  }
}

function say(text: string): void {
  process.stdout.write(`soak: ${text}\n`);
}

/** Six significant digits are more than any figure here has. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
