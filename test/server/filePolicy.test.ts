import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { crawl } from "../../server/repository/crawl.ts";
import { FilePolicy, mayQuote, reasonNotToComplete } from "../../server/repository/filePolicy.ts";
import { IgnoreRules } from "../../server/repository/ignoreRules.ts";
import { realPathSync, underRealRoot } from "../../server/repository/realPath.ts";
import { silentLog } from "./fakes/engine.ts";

const GIT_ENVIRONMENT = {
  ...process.env,
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@b",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@b",
};

function git(folder: string, args: readonly string[], input = ""): string {
  return execFileSync("git", ["-C", folder, ...args], {
    input,
    encoding: "utf8",
    env: GIT_ENVIRONMENT,
    stdio: ["pipe", "pipe", "ignore"],
  });
}

/** Paths end in "/" for folders, and are links where the content is a target. */
type Files = Readonly<Record<string, string | { readonly link: string }>>;

function write(root: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === "string") writeFileSync(join(root, path), content);
    else symlinkSync(content.link, join(root, path));
  }
}

function folder(t: TestContext, files: Files = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "stateline-policy-")));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  write(root, files);
  return root;
}

function repository(t: TestContext, files: Files = {}): string {
  const root = folder(t);
  git(root, ["init", "-q"]);
  write(root, files);
  return root;
}

const policyOf = (...roots: readonly (string | [string, string[]])[]) =>
  new FilePolicy(
    roots.map((root) =>
      typeof root === "string" ? { path: root, exclude: [] } : { path: root[0], exclude: root[1] },
    ),
  );

async function found(policy: FilePolicy, at = 0): Promise<string[]> {
  return (await crawl(policy, at, { log: silentLog })).map((file) => file.relativePath).sort();
}

/** Both ways of asking must say the same: the crawl, and one file after the other. */
async function readable(policy: FilePolicy, paths: readonly string[], at = 0): Promise<string[]> {
  const root = policy.paths[at]!;
  const verdicts = await Promise.all(paths.map((path) => policy.judge(join(root, path))));
  const judged = paths.filter((_, i) => verdicts[i]?.kind === "read").sort();
  const crawled = await found(policy, at);
  assert.deepEqual(
    judged,
    crawled.filter((path) => paths.includes(path)),
  );
  return judged;
}

test("a sub-folder that is opened keeps the rules of its repository", async (t) => {
  const root = repository(t, {
    ".gitignore": "*.log\n/app/out/\n",
    "app/a.ts": "a",
    "app/b.log": "b",
    "app/out/c.ts": "c",
  });
  assert.deepEqual(await readable(policyOf(join(root, "app")), ["a.ts", "b.log", "out/c.ts"]), ["a.ts"]);
});

test("a linked worktree has the rules of .git/info/exclude, and its .git is no text", async (t) => {
  const root = repository(t, { "a.ts": "a" });
  git(root, ["add", "."]);
  git(root, ["commit", "-qm", "a"]);
  write(root, { ".git/info/exclude": "private.txt\n" });
  const tree = join(folder(t), "tree");
  git(root, ["worktree", "add", "-q", tree]);
  write(tree, { "private.txt": "p", "new.ts": "n" });
  assert.deepEqual(await readable(policyOf(tree), ["a.ts", "new.ts", "private.txt", ".git"]), [
    "a.ts",
    "new.ts",
  ]);
});

test("the person's own core.excludesFile counts", async (t) => {
  const home = folder(t, { ignored: "*.private\n" });
  const before = process.env.GIT_CONFIG_GLOBAL;
  write(home, { config: `[core]\n\texcludesFile = ${join(home, "ignored")}\n` });
  process.env.GIT_CONFIG_GLOBAL = join(home, "config");
  t.after(() => {
    if (before === undefined) delete process.env.GIT_CONFIG_GLOBAL;
    else process.env.GIT_CONFIG_GLOBAL = before;
  });
  const root = repository(t, { "a.ts": "a", "b.private": "b" });
  assert.deepEqual(await readable(policyOf(root), ["a.ts", "b.private"]), ["a.ts"]);
});

for (const isGits of [true, false]) {
  const where = isGits ? "in a repository" : "in a folder without Git";
  test(`case counts as the file system has it, ${where}`, async (t) => {
    const root = (isGits ? repository : folder)(t, { ".gitignore": "Build/\n" });
    write(root, { "build/a.ts": "a" });
    const isIgnored = existsSync(join(root, "BUILD"));
    assert.deepEqual(await readable(policyOf(root), ["build/a.ts"]), isIgnored ? [] : ["build/a.ts"]);
  });

  test(`an opened folder below one of dependencies or caches is followed, ${where}`, async (t) => {
    for (const foreign of ["venv", ".cache", "node_modules"]) {
      const outer = (isGits ? repository : folder)(t, { ".gitignore": `${foreign}/\n` });
      const root = join(outer, foreign, "mine");
      write(root, { "a.ts": "a", ".gitignore": "*.log\n", "b.log": "b", "node_modules/x.js": "x" });
      const policy = policyOf(root);
      assert.deepEqual(await readable(policy, ["a.ts", "b.log", "node_modules/x.js"]), ["a.ts"]);
      assert.ok(policy.mayMatter(join(root, "a.ts")));
      assert.ok(!policy.mayMatter(join(root, "node_modules/x.js")));
    }
  });
}

test("tracked files are read though a rule names them, deleted ones are not", async (t) => {
  const root = repository(t, {
    ".gitignore": "*.gen.ts\n",
    "a.gen.ts": "a",
    "b.gen.ts": "b",
    "gone.ts": "g",
  });
  git(root, ["add", "-f", "a.gen.ts", "gone.ts"]);
  rmSync(join(root, "gone.ts"));
  assert.deepEqual(await readable(policyOf(root), ["a.gen.ts", "b.gen.ts"]), ["a.gen.ts"]);
  assert.ok(!(await found(policyOf(root))).includes("gone.ts"));
});

test("repositories inside a folder, a repository or none, have their own rules", async (t) => {
  for (const root of [
    repository(t, { ".gitignore": "hidden/\n" }),
    folder(t, { ".gitignore": "hidden/\n" }),
  ]) {
    for (const name of ["one", "hidden"]) {
      mkdirSync(join(root, name));
      git(join(root, name), ["init", "-q"]);
      write(join(root, name), { ".gitignore": "*.log\n", "a.ts": "a", "b.log": "b" });
    }
    const paths = ["one/a.ts", "one/b.log", "hidden/a.ts"];
    assert.deepEqual(await readable(policyOf(root), paths), ["one/a.ts"]);
  }
});

test("nothing that a repository configures is run", async (t) => {
  const root = repository(t, { "a.ts": "a" });
  const trap = join(root, ".git", "trap.sh");
  writeFileSync(trap, `#!/bin/sh\ntouch '${join(root, "sprung")}'\n`);
  chmodSync(trap, 0o755);
  for (const key of ["core.fsmonitor", "core.sshCommand", "core.pager", "core.editor"])
    git(root, ["config", key, trap]);
  git(root, ["config", "core.hooksPath", join(root, ".git")]);
  assert.deepEqual(await readable(policyOf(root), ["a.ts"]), ["a.ts"]);
  assert.ok(!existsSync(join(root, "sprung")));
});

test("without a Git program the .gitignore files count", async (t) => {
  const root = repository(t, { ".gitignore": "*.log\n", "a.ts": "a", "b.log": "b" });
  const before = process.env.PATH;
  process.env.PATH = folder(t);
  t.after(() => {
    process.env.PATH = before;
  });
  assert.deepEqual(await readable(policyOf(root), ["a.ts", "b.log"]), ["a.ts"]);
});

test("a repository that Git refuses is read by its .gitignore files", async (t) => {
  const root = repository(t, { ".gitignore": "*.log\n", "a.ts": "a", "b.log": "b", "sub/c.log": "c" });
  writeFileSync(join(root, ".git", "config"), "[broken\n");
  assert.deepEqual(await readable(policyOf(root), ["a.ts", "b.log", "sub/c.log"]), ["a.ts"]);
  assert.deepEqual(await readable(policyOf(join(root, "sub")), ["c.log"]), []);
});

const costly: readonly [string, string][] = [
  ["a pattern of many wildcards", `${"*a".repeat(12)}b\n`],
  ["rules of a megabyte", "x\n".repeat(2 ** 19)],
];
for (const [name, rules] of costly) {
  test(`without Git ${name} hide the folder`, async (t) => {
    const root = folder(t, { "x/.gitignore": rules, [`x/${"a".repeat(200)}`]: "a", "b.ts": "b" });
    assert.deepEqual(await readable(policyOf(root), ["b.ts", `x/${"a".repeat(200)}`]), ["b.ts"]);
  });
}

test("a .gitignore that is a link is not followed", async (t) => {
  const elsewhere = folder(t, { rules: "*.ts\n" });
  const root = folder(t, { "a.ts": "a", ".gitignore": { link: join(elsewhere, "rules") } });
  assert.deepEqual(await readable(policyOf(root), ["a.ts", ".gitignore"]), ["a.ts"]);
});

test("what a link leads to is judged where it is", async (t) => {
  const elsewhere = folder(t, { "a.ts": "a", "deep/b.ts": "b", ".ssh/config": "c" });
  const root = repository(t, { "src/a.ts": "a", "x/b.ts": "b" });
  write(root, {
    "out.ts": { link: join(elsewhere, "a.ts") },
    linked: { link: elsewhere },
    inside: { link: join(root, "src") },
    excluded: { link: join(elsewhere, "deep") },
    notes: { link: join(elsewhere, ".ssh/config") },
    cycle: { link: root },
  });
  const policy = policyOf([root, ["x/", "excluded/"]]);
  const kinds: readonly [string, string][] = [
    ["src/a.ts", "read src/a.ts"],
    ["inside/a.ts", "read src/a.ts"],
    ["inside/new.ts", "read src/new.ts"],
    ["cycle/src/a.ts", "read src/a.ts"],
    ["out.ts", "outside"],
    ["linked/deep/b.ts", "outside"],
    ["excluded/b.ts", "excluded"],
    ["cycle/x/b.ts", "excluded"],
    ["notes", "secret"],
    ["src", "no file"],
  ];
  for (const [path, expected] of kinds) {
    const verdict = await policy.judge(join(root, path));
    const said =
      verdict.kind === "read"
        ? `read ${verdict.relativePath}`
        : verdict.kind === "left out"
          ? verdict.because
          : verdict.kind;
    assert.equal(said, expected, path);
  }
  assert.deepEqual(await found(policy), ["src/a.ts"]);
});

test("a folder that became a link does not lead outside, though Git tracked files in it", async (t) => {
  const root = repository(t, { "src/a.ts": "a", "b.ts": "b" });
  git(root, ["add", "."]);
  rmSync(join(root, "src"), { recursive: true });
  write(root, { src: { link: folder(t, { "a.ts": "private" }) } });
  assert.deepEqual(await found(policyOf(root)), ["b.ts"]);
});

test("a workspace has one name, through a link and by its real path", async (t) => {
  const root = folder(t, { "src/a.ts": "a" });
  const link = join(folder(t), "link");
  symlinkSync(root, link);
  assert.equal(realPathSync(link), root);
  assert.equal(realPathSync(join(link, "src/new.ts")), join(root, "src/new.ts"));
  assert.equal(underRealRoot(join(link, "src/a.ts"), new Map([[link, root]])), join(root, "src/a.ts"));
  const verdict = await policyOf(root).judge(join(link, "src/a.ts"));
  assert.equal(verdict.kind === "read" && verdict.relativePath, "src/a.ts");
});

test("each folder's own exclude counts, and an inner folder's files are its own", async (t) => {
  const root = folder(t, {
    "a.ts": "a",
    "gen/b.ts": "b",
    "in/gen/c.ts": "c",
    "in/d.ts": "d",
    "in/tmp/e.ts": "e",
  });
  const other = folder(t, { "gen/b.ts": "b", "tmp/e.ts": "e" });
  const policy = policyOf([root, ["gen/"]], [join(root, "in"), ["tmp/"]], other);
  assert.deepEqual(await readable(policy, ["a.ts", "gen/b.ts"], 0), ["a.ts"]);
  assert.deepEqual(await readable(policy, ["d.ts", "gen/c.ts", "tmp/e.ts"], 1), ["d.ts"]);
  assert.deepEqual(await readable(policy, ["gen/b.ts", "tmp/e.ts"], 2), ["gen/b.ts", "tmp/e.ts"]);
});

test("what is left out is not quoted; excluded and secret files are not completed either", async (t) => {
  const root = repository(t, {
    ".gitignore": "out/\n",
    "out/a.ts": "a",
    "x/a.ts": "a",
    ".env": "A",
    "a.lock": "a",
    "yarn.lock": "y",
    "b.ts": "b",
  });
  const policy = policyOf([root, ["x/"]]);
  const cases: readonly [string, boolean, boolean][] = [
    ["b.ts", true, true],
    ["new.ts", true, true],
    ["../elsewhere.ts", true, true],
    ["out/a.ts", false, true],
    ["yarn.lock", false, true],
    ["x/a.ts", false, false],
    [".env", false, false],
    ["../.ssh/config", false, false],
  ];
  for (const [path, quoted, completed] of cases) {
    const verdict = await policy.judge(join(root, path));
    assert.deepEqual(
      [mayQuote(verdict), reasonNotToComplete(verdict) === undefined],
      [quoted, completed],
      path,
    );
  }
});

test("the policy's key is that of its folders and what they exclude", () => {
  const keys = [policyOf("/a"), policyOf("/b"), policyOf(["/a", ["x"]]), policyOf("/a", "/b")].map(
    ({ key }) => key,
  );
  assert.equal(new Set(keys).size, 4);
  assert.equal(policyOf("/a").key, policyOf("/a").key);
});

/** Deterministic for a seed. */
function randomOf(seed: number) {
  let value = seed % 2147483647 || 1;
  const below = (count: number) => {
    value = (value * 48271) % 2147483647;
    return value % count;
  };
  return { below, pick: <T>(all: readonly T[]): T => all[below(all.length)]! };
}

const NAMES = [
  "a",
  "b",
  "c",
  "build",
  "Build",
  "src",
  "lib",
  "x y",
  "#n",
  "!n",
  "[a]",
  "a[b",
  "é",
  "日本",
  "-d",
  "tail ",
  "a*b",
  "q?",
  "dot.d",
  "\\b",
  "~",
  "a:b",
  ":(top)x",
  "a..b",
  "'q'",
  '"d"',
  "A",
];
const ENDS = [".ts", ".log", ".py", ".tmp", "", ".ts ", ".T", ".d.ts"];

function generate(seed: number): Files {
  const { below, pick } = randomOf(seed);
  const folders = [""];
  for (let i = 0; i < 60; i++)
    folders.push(`${pick(folders.filter((one) => one.split("/").length < 6))}${pick(NAMES)}/`);
  const names = () => pick(NAMES) + pick(ENDS);
  const files: Record<string, string | { link: string }> = {};
  const isTaken = (path: string) =>
    [...Object.keys(files), ...folders].some(
      (one) => one === `${path}/` || one.startsWith(`${path}/`) || path.startsWith(`${one}/`) || one === path,
    );
  const put = (path: string, content: string | { link: string }) => {
    if (!isTaken(path)) files[path] = content;
  };
  for (let i = 0; i < 400; i++) put(pick(folders) + names(), `${i}\n`);
  for (let i = 0; i < 40; i++)
    put(`${pick(folders)}link${i}`, { link: pick(["/", "..", "/etc/passwd", "a", "../..", "nowhere"]) });
  const escaped = (text: string) => text.replace(/[\\#!*?[\] ]/g, "\\$&");
  const name = () => escaped(names());
  const word = () => escaped(pick(NAMES));
  const path = () => `${escaped(pick(folders))}${name()}`;
  /** Broad ones hide whole folders: at the top they would hide everything. */
  const narrow = [
    ...[path, () => `/${path()}`, () => `!${path()}`, () => `/${name()}`, () => `${word()}/**/${name()}`],
    ...[
      () => `!${name()}`,
      () => `!${word()}/`,
      () => `${path()}  `,
      () => `# ${path()}`,
      () => "",
      () => "   ",
    ],
    ...[
      () => `**/${word()}/${name()}`,
      () => "[[:alpha:]][0-9].ts",
      () => "*.{ts,log}",
      () => "!/*",
      () => "\\!n",
    ],
  ];
  const broad = [
    ...[
      name,
      word,
      () => `${word()}/`,
      () => `*${pick([".log", ".tmp", ".T"])}`,
      () => `!*${pick(ENDS).trim()}`,
    ],
    ...[
      () => `${word()}/**`,
      () => `${word()}/*`,
      () => `**/${name()}`,
      () => `${word()}/*/`,
      () => `/**/${word()}`,
    ],
    ...[() => "[a-c]*.py", () => "[!a]?", () => "a**b", () => `!${word()}`],
  ];
  const places = folders.filter((one, i) => one !== "" && i % 3 === 0);
  const rules: Record<string, string[]> = {};
  for (let i = 0; i < 500; i++) {
    const at = i < 100 ? ".git/info/exclude" : i < 200 ? ".gitignore" : `${pick(places)}.gitignore`;
    const rule = pick(i < 200 || below(3) > 0 ? narrow : broad);
    rules[at] = [...(rules[at] ?? []), rule()];
  }
  for (const [at, lines] of Object.entries(rules)) files[at] = `${lines.join(below(2) ? "\n" : "\r\n")}\n`;
  return files;
}

/** Without links, and what is Git's own. */
function textsOf(files: Files): string[] {
  const paths = Object.keys(files).filter((path) => typeof files[path] === "string");
  return paths.filter((path) => !path.startsWith(".git/"));
}

/** Those that are tracked, or that no rule ignores. */
function gitsAnswer(root: string, paths: readonly string[]): string[] {
  const input = paths.map((path) => `./${path}\0`).join("");
  const answer = git(root, ["check-ignore", "--no-index", "-z", "-v", "-n", "--stdin"], input).split("\0");
  const kept = new Set(git(root, ["ls-files", "-z"]).split("\0").slice(0, -1));
  for (let i = 0; i + 3 < answer.length; i += 4) {
    const [source, , pattern, path] = answer.slice(i, i + 4) as [string, string, string, string];
    if (source === "" || pattern.startsWith("!")) kept.add(path.slice(2));
  }
  return [...kept].sort();
}

test("without Git the rules are Git's all the same: 500 odd rules and names", async (t) => {
  const seed = Number(process.env.SEED ?? Date.now());
  t.diagnostic(`seed ${seed}`);
  const files = generate(seed);
  const root = repository(t, files);
  const paths = textsOf(files);
  const rules = await IgnoreRules.forRoot(root);
  const kept: string[] = [];
  for (const path of paths) if (!(await rules.ignoresBelow(path))) kept.push(path);
  assert.deepEqual(kept.sort(), gitsAnswer(root, paths));
});

test("500 odd rules, odd names and links: what is ignored is what Git ignores", async (t) => {
  const seed = Number(process.env.SEED ?? Date.now());
  t.diagnostic(`seed ${seed}`);
  const files = generate(seed);
  const root = repository(t, files);
  const paths = textsOf(files);
  for (const path of paths.filter((_, i) => i % 17 === 0))
    git(root, ["--literal-pathspecs", "add", "-f", "--", path]);
  const policy = policyOf(root);
  const expected = gitsAnswer(root, paths);
  const judged = await readable(policy, paths);
  assert.deepEqual(judged, expected);
  assert.deepEqual(await found(policy), expected);
  t.diagnostic(`${expected.length} of ${paths.length} files are not ignored`);
});
