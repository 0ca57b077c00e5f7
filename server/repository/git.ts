/**
 * Git's own answers about a folder: which files are there, and which are ignored. The folder may be hostile: no shell, nothing
 * that its configuration names is run, no network, bounded time and output. undefined means that Git does not answer.
 */
import { spawn } from "node:child_process";
import { lstat } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, join } from "node:path";

const LONGEST_MS = 60_000;
/** Some 500,000 paths. */
const MOST_LISTED_BYTES = 48 * 2 ** 20;

/** Of a command; each may have 4096 bytes, and Windows takes 32,767 characters. */
const MOST_ARGUMENTS = 7;

const LIST_FILES = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];

const SAFE_OPTIONS = ["core.fsmonitor=false", `core.hooksPath=${devNull}`].flatMap((option) => [
  "-c",
  option,
]);

interface Run {
  readonly input?: string;
  readonly mostBytes: number;
  readonly signal?: AbortSignal | undefined;
}

interface Ran {
  readonly code: number | null;
  readonly output: string;
  /** There was more. */
  readonly cut: boolean;
}

/** The nearest folder, this one or one that it is in, with a `.git` of its own; undefined: none. */
export async function repositoryOf(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    if (await isRepository(at)) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** A `.git` is a folder, or a file in linked worktrees and submodules. */
export async function isRepository(folder: string): Promise<boolean> {
  const entry = await lstat(join(folder, ".git")).catch(() => undefined);
  return entry !== undefined && (entry.isDirectory() || entry.isFile());
}

/** Tracked files and others that are not ignored, relative to the folder; a repository in it is one path that ends in "/". */
export async function gitFiles(folder: string, signal?: AbortSignal): Promise<string[] | undefined> {
  const ran = await git(folder, LIST_FILES, { mostBytes: MOST_LISTED_BYTES, signal });
  return ran?.code === 0 || ran?.cut ? pathsOf(ran) : undefined;
}

/** What is ignored, whole folders as one path that ends in "/". */
export async function gitIgnoredFiles(folder: string, signal?: AbortSignal): Promise<string[] | undefined> {
  const list = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
  const ran = await git(folder, list, { mostBytes: MOST_LISTED_BYTES / 16, signal });
  return ran?.code === 0 || ran?.cut ? pathsOf(ran) : undefined;
}

export interface Ignored {
  readonly ignored: ReadonlySet<string>;
  /** Git does not judge them. */
  readonly refused: ReadonlySet<string>;
}

/** Which of the paths, relative to the folder, are ignored, whether or not they are there. */
export async function gitIgnored(folder: string, paths: readonly string[]): Promise<Ignored> {
  const { ignored, refused } = await checkIgnore(folder, paths);
  // check-ignore takes such a name for a pattern too, and a path for tracked when any tracked one matches.
  const odd = paths.filter((path) => /[*?[\\]/.test(path) && !ignored.has(path) && !refused.has(path));
  const hidden = await unlisted(folder, odd);
  return { ignored: new Set([...ignored, ...hidden]), refused };
}

async function checkIgnore(folder: string, paths: readonly string[]): Promise<Ignored> {
  // A name that begins with ":" would have a meaning of its own.
  const input = paths.map((path) => `./${path}\0`).join("");
  const run = { input, mostBytes: input.length * 4 + 1 };
  const ran = await git(folder, ["check-ignore", "-z", "--stdin"], run);
  if (ran?.code === 0 || ran?.code === 1) {
    return { ignored: new Set(pathsOf(ran).map((path) => path.slice(2))), refused: new Set() };
  }
  if (paths.length < 2 || !(await isWorkTree(folder))) return { ignored: new Set(), refused: new Set(paths) };
  // One path, in a submodule or behind a link, spoils the answer for all.
  const middle = paths.length >> 1;
  const halves = [
    await checkIgnore(folder, paths.slice(0, middle)),
    await checkIgnore(folder, paths.slice(middle)),
  ];
  return {
    ignored: new Set(halves.flatMap((half) => [...half.ignored])),
    refused: new Set(halves.flatMap((half) => [...half.refused])),
  };
}

/** Of the paths those that are there, and that Git does not list. */
async function unlisted(folder: string, paths: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < paths.length; i += MOST_ARGUMENTS) {
    const some = paths.slice(i, i + MOST_ARGUMENTS);
    const args = ["--literal-pathspecs", ...LIST_FILES, "--", ...some];
    const ran = await git(folder, args, { mostBytes: MOST_LISTED_BYTES });
    const listed = new Set(ran ? pathsOf(ran) : []);
    for (const path of some) {
      if (!listed.has(path) && (await lstat(join(folder, path)).catch(() => undefined))) all.push(path);
    }
  }
  return all;
}

async function isWorkTree(folder: string): Promise<boolean> {
  const ran = await git(folder, ["rev-parse", "--is-inside-work-tree"], { mostBytes: 16 });
  return ran?.output.trim() === "true";
}

function pathsOf({ output }: Ran): string[] {
  // What follows the last zero is nothing, or half a path.
  return output.split("\0").slice(0, -1);
}

function git(folder: string, args: readonly string[], run: Run): Promise<Ran | undefined> {
  return new Promise((resolve) => {
    // Windows looks for a program in the working folder first, so that is never the workspace.
    const child = spawn("git", ["-C", folder, "--no-pager", ...SAFE_OPTIONS, ...args], {
      cwd: dirname(process.execPath),
      env: environment(),
      stdio: ["pipe", "pipe", "ignore"],
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let cut = false;
    const stop = () => child.kill("SIGKILL");
    const timer = setTimeout(stop, LONGEST_MS);
    run.signal?.addEventListener("abort", stop, { once: true });
    const finish = (answer: Ran | undefined) => {
      clearTimeout(timer);
      run.signal?.removeEventListener("abort", stop);
      resolve(answer);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      if (cut) return;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= run.mostBytes) return;
      cut = true;
      stop();
    });
    child.once("error", () => finish(undefined));
    child.once("close", (code) => finish({ code, output: Buffer.concat(chunks).toString("utf8"), cut }));
    // A Git that ends early reads no more of it; its exit status says so.
    child.stdin.on("error", () => undefined);
    child.stdin.end(run.input ?? "");
  });
}

/** Without variables that name another repository. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^GIT_(?!CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)$|CEILING_DIRECTORIES$|EXEC_PATH$)/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    GIT_OPTIONAL_LOCKS: "0",
    // None is called so: nothing is fetched, whatever a repository allows.
    GIT_ALLOW_PROTOCOL: "none",
    GIT_NO_LAZY_FETCH: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
}
