// What the tests install and open: the extension's .vsix, the test-only extension's, and repositories.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { cache, root, run } from "./workbench.ts";

/** The extension as it is in the tree, after `./dev build`; STATELINE_VSIX names a package made elsewhere instead. */
export function packageExtension(): string {
  const given = process.env.STATELINE_VSIX;
  if (given !== undefined) return given;
  run(root, process.execPath, [join(root, "scripts", "package", "main.ts")]);
  return join(root, "dist", `stateline-${process.platform}-${process.arch}.vsix`);
}

/** The suite as one file; the extension host finds mocha in the project's own node_modules above it. */
export async function bundleSuite(): Promise<string> {
  const outfile = join(cache, "suite.cjs");
  await build({
    entryPoints: [join(root, "test/e2e/suite/index.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["vscode", "mocha"],
  });
  return outfile;
}

/** A second extension whose whole work is to run the suite, since a web workbench takes no extensionTestsPath. */
export function packageSuiteRunner(suite: string): string {
  const directory = join(cache, "suite-runner");
  mkdirSync(directory, { recursive: true });
  const manifest = {
    name: "stateline-suite-runner",
    publisher: "stateline",
    version: "0.0.1",
    description: "Runs the end-to-end suite.",
    engines: { vscode: "^1.100.0" },
    main: "./main.cjs",
    activationEvents: ["onStartupFinished"],
  };
  writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(directory, "README.md"), "Runs the end-to-end suite.\n");
  writeFileSync(join(directory, "LICENSE"), "Apache-2.0\n");
  writeFileSync(
    join(directory, "main.cjs"),
    `exports.activate = () => require(${JSON.stringify(suite)}).run();\n`,
  );
  const vsix = join(cache, "suite-runner.vsix");
  packageVsix(directory, vsix);
  return vsix;
}

function packageVsix(directory: string, vsix: string): void {
  const vsce = join(root, "node_modules", "@vscode", "vsce", "vsce");
  run(directory, process.execPath, [
    vsce,
    "package",
    "--no-dependencies",
    "--allow-missing-repository",
    "--out",
    vsix,
  ]);
}

/** A published package as a git repository of its own, outside this one; a fresh copy at each call. */
export function npmRepository(name: string, version: string): string {
  const tarball = join(cache, `${name}-${version}.tgz`);
  if (!existsSync(tarball)) {
    execFileSync("npm", ["pack", `${name}@${version}`, "--pack-destination", cache], { stdio: "ignore" });
  }
  const directory = newDirectory(name);
  execFileSync("tar", ["xzf", tarball, "-C", directory, "--strip-components=1"]);
  return commitAll(directory);
}

/** The small repository of test/e2e/repository, as a git repository of its own, with settings of its own if given. */
export function fixtureRepository(settings?: Readonly<Record<string, unknown>>): string {
  const directory = newDirectory("sums");
  cpSync(join(root, "test/e2e/repository"), directory, { recursive: true });
  if (settings) {
    mkdirSync(join(directory, ".vscode"));
    writeFileSync(join(directory, ".vscode", "settings.json"), JSON.stringify(settings));
  }
  return commitAll(directory);
}

function newDirectory(name: string): string {
  const directory = join(mkdtempSync(join(tmpdir(), "stateline-")), name);
  mkdirSync(directory);
  return directory;
}

function commitAll(directory: string): string {
  const author = ["-c", "user.name=Stateline", "-c", "user.email=tests@stateline.invalid"];
  execFileSync("git", ["init", "--quiet"], { cwd: directory });
  execFileSync("git", ["add", "--all"], { cwd: directory });
  execFileSync("git", [...author, "commit", "--quiet", "--message=fixture"], { cwd: directory });
  return directory;
}

export function removeRepository(directory: string): void {
  rmSync(dirname(directory), { recursive: true, force: true, maxRetries: 3 });
}

export function readText(...path: string[]): string {
  return readFileSync(join(...path), "utf8");
}
